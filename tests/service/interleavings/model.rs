//! What each write should do to the table: the rules once more, written without a look at the code's expressions.
//!
//! The engine has to agree with the model about each write. Where it does not, a condition is too weak, too strong or missing.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use verification::rules::limits::Limits;

use super::aim::Aim;
use super::cast::Scene;
use super::lot::Event;
use crate::harness::world::call::Call;

// The numbers of the rules, in seconds. The code has its own.
const PAUSE: i64 = 60;
/// An email may follow this much before the pause is over.
const SLACK: i64 = 5;
const LIFETIME: i64 = 600;
/// With no more than this left, a code is not mailed again.
const LAST_MINUTE: i64 = 60;
/// For so long a right code or a link can be repeated.
const REPEATABLE: i64 = 60;
const DAY: i64 = 86_400;
/// From so many unconfirmed emails on, each one holds the mailbox.
const MAX_UNCONFIRMED: i64 = 10;
const HOLD: i64 = 30;
const UNCONFIRMED_HOLD: i64 = 900;

pub(super) struct Model {
    pub(super) challenges: BTreeMap<String, Challenge>,
    pub(super) mailboxes: BTreeMap<String, Mailbox>,
    /// The unverified emails of each source-day.
    pub(super) sources: BTreeMap<String, i64>,
    pub(super) requests: BTreeMap<usize, Request>,
    /// The names of the challenges that were charged an email, in that order.
    pub(super) charged: Vec<String>,
    pub(super) broken: Vec<String>,
    limits: Limits,
    max_guesses: usize,
    /// How many unconfirmed emails a mailbox has at first.
    unconfirmed: i64,
    /// What a request had seen before each transaction, by the transaction's token.
    transactions: BTreeMap<String, Seen>,
    /// The tokens of the transactions that were made.
    done: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Challenge {
    /// The emails of its generation, by their ids.
    pub(super) mails: Vec<String>,
    pub(super) code: Option<String>,
    pub(super) ends_at: i64,
    pub(super) sent_at: Option<i64>,
    pub(super) guesses: BTreeSet<String>,
    /// The newest guess, and when it was made.
    pub(super) last_guess: Option<(String, i64)>,
    pub(super) linked_at: Option<i64>,
    /// Whether its newest email did not arrive.
    pub(super) is_undeliverable: bool,
    pub(super) payers: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Mailbox {
    pub(super) mails: i64,
    /// For each source its emails, and when the last one was charged.
    pub(super) by_source: BTreeMap<String, (i64, Option<i64>)>,
    pub(super) unconfirmed: i64,
    pub(super) hold_until: i64,
}

/// What became of one request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) calls: usize,
    /// What its newest transaction came to.
    pub(super) charge: Option<Charge>,
    pub(super) undoing: Option<Undoing>,
    /// Its email.
    pub(super) mail: Option<String>,
    /// The email that made it send none.
    pub(super) relies_on: Option<String>,
    /// Whether it is told that this one did not arrive.
    pub(super) is_told: bool,
    /// The status that its guess or its link gets.
    pub(super) status: Option<u16>,
    /// What it has to give back, and what it did.
    pub(super) owes: BTreeMap<String, i64>,
    pub(super) gave_back: BTreeMap<String, i64>,
    seen: Seen,
}

/// The name of a challenge's item that a request looked at, and what was there.
type Seen = Option<(String, Challenge)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    Done,
    Found,
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undoing {
    TakenBack,
    Unconfirmed,
}

/// A write to one item, as it was sent.
#[derive(Clone, Copy)]
struct Write<'a>(&'a Value);

impl<'a> Write<'a> {
    fn pk(self) -> &'a str {
        self.0["Key"]["pk"]["S"].as_str().expect("a key")
    }

    fn text(self, placeholder: &str) -> Option<&'a str> {
        self.0["ExpressionAttributeValues"][placeholder]["S"].as_str()
    }

    fn number(self, placeholder: &str) -> i64 {
        let number = self.0["ExpressionAttributeValues"][placeholder]["N"].as_str();
        number.and_then(|number| number.parse().ok()).expect("a number")
    }

    fn name(self, placeholder: &str) -> &'a str {
        self.0["ExpressionAttributeNames"][placeholder]
            .as_str()
            .expect("a name")
    }

    fn updates(self, attribute: &str) -> bool {
        self.0["UpdateExpression"]
            .as_str()
            .is_some_and(|update| update.contains(attribute))
    }
}

impl Challenge {
    fn is_used(&self) -> bool {
        self.linked_at.is_some() || self.code.as_ref().is_some_and(|code| self.guesses.contains(code))
    }

    /// Whether it takes a guess at `now`.
    pub(super) fn is_open(&self, max_guesses: usize, now: i64) -> bool {
        self.code.is_some() && !self.is_used() && self.guesses.len() < max_guesses && now < self.ends_at
    }
}

impl Model {
    pub(super) fn of(history: &[Event], scene: &Scene) -> Self {
        let mut model = Self {
            challenges: BTreeMap::new(),
            mailboxes: BTreeMap::new(),
            sources: BTreeMap::new(),
            requests: BTreeMap::new(),
            charged: Vec::new(),
            broken: Vec::new(),
            limits: scene.limits(),
            max_guesses: scene.max_guesses(),
            unconfirmed: scene.unconfirmed(),
            transactions: BTreeMap::new(),
            done: BTreeSet::new(),
        };
        for event in history {
            match event {
                Event::Made { call, held, is_late } => {
                    let should = model.make(call, *is_late);
                    if should != *held {
                        let (rules, engine) = if should {
                            ("take", "refused")
                        } else {
                            ("refuse", "made")
                        };
                        let number = call.request;
                        model.broken.push(format!(
                            "the rules {rules} a write of request {number} that is {engine}"
                        ));
                    }
                }
                Event::Deleted(pk) => {
                    model.challenges.remove(pk);
                    model.mailboxes.remove(pk);
                    model.sources.remove(pk);
                }
            }
        }
        model
    }

    /// The request that an email is of.
    pub(super) fn request_of(&self, mail: &str) -> Option<usize> {
        let mut requests = self.requests.iter();
        let found = requests.find(|(_, request)| request.mail.as_deref() == Some(mail));
        found.map(|(number, _)| *number)
    }

    /// Makes a call. Returns whether its conditions hold.
    fn make(&mut self, call: &Call, is_late: bool) -> bool {
        let (number, aim) = (call.request, Aim::of(call));
        self.request(number).calls += usize::from(!is_late);
        if let Some(parts) = call.body["TransactItems"].as_array() {
            let token = call.body["ClientRequestToken"].as_str().expect("a token");
            let parts: Vec<_> = parts.iter().map(|part| Write(&part["Update"])).collect();
            // The same transaction again is made once.
            let holds = self.done.contains(token)
                || if aim == Aim::Undo {
                    self.undo(number, &parts)
                } else {
                    self.charge(number, token, aim, &parts, is_late)
                };
            if holds {
                self.done.insert(token.to_owned());
                if aim != Aim::Undo && !is_late {
                    self.request(number).charge = Some(Charge::Done);
                }
            }
            return holds;
        }
        let write = Write(&call.body);
        match aim {
            Aim::GiveBack => return self.give_back(number, write),
            Aim::Guess => return self.guess(number, write, is_late),
            Aim::Link => return self.link(number, write, is_late),
            Aim::Note => return self.note(number, write, is_late),
            // A late look is of no use to anybody.
            _ if is_late => return false,
            _ => {}
        }
        let found = self.challenges.get(write.pk()).cloned();
        let request = self.request(number);
        request.relies_on = found.as_ref().and_then(|found| found.mails.last().cloned());
        request.is_told = found.as_ref().is_some_and(|found| found.is_undeliverable);
        request.seen = found.map(|found| (write.pk().to_owned(), found));
        false
    }

    fn request(&mut self, number: usize) -> &mut Request {
        self.requests.entry(number).or_default()
    }

    fn charge(&mut self, number: usize, token: &str, made: Aim, parts: &[Write], is_late: bool) -> bool {
        let (challenge, mailbox, source) = (parts[0], parts[1], parts[2]);
        let (pk, now) = (challenge.pk(), challenge.number(":now"));
        let mail = challenge.text(":mail").expect("an email").to_owned();
        let is_first = made != Aim::Resend;
        if !self.transactions.contains_key(token) {
            let seen = self.request(number).seen.clone();
            self.request(number).mail = Some(mail.clone());
            let next = self.next(seen.as_ref(), pk, now);
            if next != Some(made) {
                let next = next.map_or("send none".to_owned(), |next| format!("{next:?}"));
                self.broken
                    .push(format!("request {number} does {made:?}, and should {next}"));
            }
            self.transactions.insert(token.to_owned(), seen);
        }
        let seen = self.transactions[token].clone().map(|(_, seen)| seen);
        let old = self.challenges.get(pk);
        let is_as_seen = match old {
            None => made == Aim::Create,
            Some(_) if made == Aim::Create => false,
            Some(old) => {
                let is_same = old.mails.last().map(String::as_str) == challenge.text(":seen");
                let takes_a_guess = old.code.is_some() && !old.is_used() && old.guesses.len() < self.max_guesses;
                let was_used = seen.as_ref().is_some_and(Challenge::is_used);
                is_same
                    && if is_first {
                        !old.is_used() || was_used
                    } else {
                        takes_a_guess
                    }
            }
        };
        let within = self.mailbox_takes(mailbox, now) && self.source_takes(source);
        if !is_as_seen || !within {
            if !is_late {
                let found = old.cloned().filter(|_| !is_as_seen).map(|old| (pk.to_owned(), old));
                let newest = found.as_ref().and_then(|(_, found)| found.mails.last().cloned());
                let next = self.next(found.as_ref(), pk, now);
                let request = self.request(number);
                request.charge = Some(if is_as_seen { Charge::Refused } else { Charge::Found });
                request.relies_on = newest.filter(|_| next.is_none());
                request.is_told = found.as_ref().is_some_and(|(_, found)| found.is_undeliverable);
                request.seen = found;
            }
            return false;
        }
        // Nobody still pays for a used code: its emails were given back, or that was tried.
        let keeps_payers = !is_first || seen.is_some_and(|seen| !seen.is_used() && now < seen.ends_at + DAY);
        let old = self.challenges.remove(pk).unwrap_or_default();
        let mut new = Challenge {
            payers: if keeps_payers {
                old.payers.clone()
            } else {
                BTreeMap::new()
            },
            ..if is_first { Challenge::default() } else { old }
        };
        new.mails.push(mail);
        new.is_undeliverable = false;
        new.sent_at = Some(now);
        new.code = challenge.text(":code").map(ToOwned::to_owned);
        if is_first {
            new.ends_at = now + LIFETIME;
        }
        *new.payers.entry(source.pk().to_owned()).or_default() += 1;
        self.challenges.insert(pk.to_owned(), new);
        self.charged.push(pk.to_owned());
        let (key, unconfirmed) = (mailbox.name("#n").to_owned(), self.unconfirmed);
        let day = self
            .mailboxes
            .entry(mailbox.pk().to_owned())
            .or_insert_with(|| Mailbox {
                unconfirmed,
                ..Mailbox::default()
            });
        let (mails, last) = day.by_source.entry(key).or_default();
        (*mails, *last) = (*mails + 1, Some(now));
        day.mails += 1;
        day.hold_until = now + HOLD;
        *self.sources.entry(source.pk().to_owned()).or_default() += 1;
        true
    }

    /// The email that a request sends next that has seen this, and writes to the item `pk`. None if it sends none.
    fn next(&self, seen: Option<&(String, Challenge)>, pk: &str, now: i64) -> Option<Aim> {
        let Some((seen_pk, seen)) = seen else {
            return Some(Aim::Create);
        };
        let is_open = seen.is_open(self.max_guesses, now);
        match seen.sent_at {
            Some(sent_at) if is_open && sent_at > now - PAUSE + SLACK => None,
            _ if is_open && seen.ends_at - now > LAST_MINUTE => Some(Aim::Resend),
            // What another key has named is opened anew under the active one.
            _ if seen_pk != pk => Some(Aim::Create),
            _ => Some(Aim::Reopen),
        }
    }

    fn mailbox_takes(&self, mailbox: Write, now: i64) -> bool {
        let Some(day) = self.mailboxes.get(mailbox.pk()) else {
            return true;
        };
        let (mails, last) = day.by_source.get(mailbox.name("#n")).copied().unwrap_or_default();
        let limits = self.limits;
        let is_within = mails == 0 && day.mails < limits.first_mails_per_day.into()
            || mails < limits.mails_per_source.into() && day.mails < limits.mails_per_day.into();
        let is_paused = last.is_some_and(|last| last > now - PAUSE + SLACK);
        let is_held = day.unconfirmed >= MAX_UNCONFIRMED && day.hold_until > now;
        is_within && !is_paused && !is_held
    }

    fn source_takes(&self, source: Write) -> bool {
        let unverified = self.sources.get(source.pk()).copied().unwrap_or_default();
        self.limits
            .unverified_per_source
            .is_none_or(|limit| unverified < limit.into())
    }

    fn undo(&mut self, number: usize, parts: &[Write]) -> bool {
        let (challenge, mailbox, source) = (parts[0], parts[1], parts[2]);
        let mail = challenge.text(":mail").expect("an email");
        let undoing = if mailbox.updates("unconfirmed") {
            Undoing::Unconfirmed
        } else {
            Undoing::TakenBack
        };
        self.request(number).undoing = Some(undoing);
        let found = self.challenges.get_mut(challenge.pk());
        let Some(found) = found.filter(|found| found.mails.last().is_some_and(|newest| newest == mail)) else {
            return false;
        };
        let ends_generation = undoing == Undoing::TakenBack && found.mails.len() == 1;
        let is_touched = found.is_used() || ends_generation && !found.guesses.is_empty();
        let day = self.mailboxes.get_mut(mailbox.pk());
        let of_source = day.and_then(|day| {
            let key = mailbox.name("#n").to_owned();
            (day.by_source.get(&key)?.0 > 0).then_some((day, key))
        });
        let unverified = self.sources.get_mut(source.pk()).filter(|unverified| **unverified > 0);
        let (false, Some((day, key)), Some(unverified)) = (is_touched, of_source, unverified) else {
            return false;
        };
        let asked_at = found.sent_at.take().unwrap_or_default();
        if ends_generation {
            found.code = None;
        }
        *found.payers.entry(source.pk().to_owned()).or_default() -= 1;
        *unverified -= 1;
        let mails = day.by_source.get(&key).map_or(0, |(mails, _)| *mails);
        day.by_source.insert(key, (mails - 1, None));
        day.mails -= 1;
        if undoing == Undoing::Unconfirmed {
            day.unconfirmed += 1;
            day.hold_until = asked_at + UNCONFIRMED_HOLD;
        }
        true
    }

    fn guess(&mut self, number: usize, write: Write, is_late: bool) -> bool {
        let now = write.number(":now");
        let guess = write.text(":guess").expect("a guess").to_owned();
        let max_guesses = self.max_guesses;
        let Some(found) = self.challenges.get_mut(write.pk()) else {
            return false;
        };
        let after_link = found.linked_at.is_some();
        let unlinked = Challenge {
            linked_at: None,
            ..found.clone()
        };
        let is_right = found.code.as_ref() == Some(&guess);
        let held = unlinked.is_open(max_guesses, now);
        let mut owes = BTreeMap::new();
        let is_proven = if held {
            found.guesses.insert(guess.clone());
            found.last_guess = Some((guess.clone(), now));
            if is_right && !after_link {
                owes.clone_from(&found.payers);
            }
            is_right
        } else {
            // The newest guess once more.
            let made_at = found.last_guess.as_ref().filter(|(last, _)| *last == guess);
            is_right && made_at.is_some_and(|(_, at)| now - at <= REPEATABLE)
        };
        // A wrong code, new or the newest once more.
        let is_last = found.last_guess.as_ref().is_some_and(|(last, _)| *last == guess);
        let is_wrong = !is_right && is_last && (held || now < found.ends_at);
        let is_told = is_wrong && found.is_undeliverable;
        self.note_use(number, is_proven, owes, is_late);
        if is_told && !is_late {
            self.request(number).status = Some(422);
        }
        held
    }

    fn link(&mut self, number: usize, write: Write, is_late: bool) -> bool {
        let now = write.number(":now");
        let code = write.text(":code").expect("a code");
        let max_guesses = self.max_guesses;
        let Some(found) = self.challenges.get_mut(write.pk()) else {
            return false;
        };
        let is_own = found.code.as_deref() == Some(code);
        let held = is_own && found.is_open(max_guesses, now);
        let mut owes = BTreeMap::new();
        let is_proven = if held {
            found.linked_at = Some(now);
            owes.clone_from(&found.payers);
            true
        } else {
            let typed_at = found.last_guess.as_ref().filter(|(last, _)| last == code);
            let used_at = found.linked_at.or(typed_at.map(|(_, at)| *at));
            is_own && used_at.is_some_and(|at| now - at <= REPEATABLE)
        };
        self.note_use(number, is_proven, owes, is_late);
        held
    }

    fn note(&mut self, number: usize, write: Write, is_late: bool) -> bool {
        if !is_late {
            self.request(number).status = Some(204);
        }
        let mail = write.text(":mail").expect("an email");
        let found = self.challenges.get_mut(write.pk());
        let is_newest = |found: &&mut Challenge| found.mails.last().is_some_and(|newest| newest == mail);
        match found.filter(is_newest).filter(|found| !found.is_undeliverable) {
            Some(found) => found.is_undeliverable = true,
            None => return false,
        }
        true
    }

    fn note_use(&mut self, number: usize, is_proven: bool, owes: BTreeMap<String, i64>, is_late: bool) {
        let request = self.request(number);
        if !owes.is_empty() {
            request.owes = owes;
        }
        if !is_late {
            request.status = Some(if is_proven { 200 } else { 401 });
        }
    }

    fn give_back(&mut self, number: usize, write: Write) -> bool {
        let (pk, mails) = (write.pk(), write.number(":mails"));
        *self.request(number).gave_back.entry(pk.to_owned()).or_default() += mails;
        match self.sources.get_mut(pk).filter(|unverified| **unverified >= mails) {
            Some(unverified) => *unverified -= mails,
            None => return false,
        }
        true
    }
}
