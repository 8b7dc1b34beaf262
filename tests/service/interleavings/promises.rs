//! What must hold after each world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cast::Role;
use super::play::{Actor, LIMITS, Play, Ses};
use crate::harness::event::guess;
use crate::harness::service::KIM;

/// The promises that a world broke, in words.
pub(super) async fn broken(play: &Play) -> Vec<String> {
    let mut broken = Vec::new();
    each_response_is_expected_and_in_time(play, &mut broken);
    a_202_was_mailed(play, &mut broken);
    the_pause_and_the_limits_hold(play, &mut broken);
    each_code_buys_one_proof(play, &mut broken);
    what_was_charged_is_what_counts(play, &mut broken).await;
    a_mailed_code_works(play, &mut broken).await;
    broken
}

/// Whether an exception may have left a charge behind: an instance died, or `DynamoDB` failed one request more than once.
fn is_excused(actor: &Actor) -> bool {
    actor.died || actor.faults > 1
}

fn asks(play: &Play) -> impl Iterator<Item = &Actor> {
    play.actors.iter().filter(|actor| actor.role.asks())
}

fn each_response_is_expected_and_in_time(play: &Play, broken: &mut Vec<String>) {
    for actor in &play.actors {
        let Some(status) = actor.status() else { continue };
        let ses = actor.mailed.as_ref().map(|(_, ses)| *ses);
        let expected: &[u16] = match (actor.role.asks(), ses) {
            (true, None) => &[202, 429],
            (true, Some(Ses::Took)) => &[202],
            (true, Some(_)) => &[503],
            (false, _) => &[200, 401],
        };
        let is_expected = expected.contains(&status) || status == 500 && is_excused(actor);
        if !is_expected {
            broken.push(format!("{:?} gets {status}", actor.role));
        }
        if actor.took >= Duration::from_secs(25) {
            broken.push(format!("{:?} waits {:?}", actor.role, actor.took));
        }
    }
}

/// The exceptions: SES failed an email of the id, its instance died, or its charge landed late.
fn a_202_was_mailed(play: &Play, broken: &mut Vec<String>) {
    for actor in asks(play).filter(|actor| actor.status() == Some(202)) {
        let response = actor.response.as_ref().expect("a response");
        if response.challenge_id() != actor.role.id() {
            broken.push(format!("{:?} gets another id", actor.role));
        }
        let mut of_id = asks(play).filter(|other| other.role.id() == actor.role.id());
        let is_mailed_or_excused = of_id.any(|other| other.mailed.is_some() || is_excused(other));
        if !is_mailed_or_excused {
            broken.push(format!("{:?} gets a 202 without an email", actor.role));
        }
    }
}

/// A source brings one email a pause into the mailbox, a challenge gets one a pause while its code works, and the day has limits.
fn the_pause_and_the_limits_hold(play: &Play, broken: &mut Vec<String>) {
    let took = |actor: &&Actor| matches!(actor.mailed, Some((_, Ses::Took)));
    let mut by_source = BTreeMap::<_, usize>::new();
    let mut by_code = BTreeMap::<_, usize>::new();
    for actor in asks(play).filter(took) {
        *by_source.entry((actor.role.source(), actor.waits)).or_default() += 1;
        let (code, _) = actor.mailed.as_ref().expect("an email");
        *by_code.entry((code, actor.waits)).or_default() += 1;
    }
    for ((source, _), mails) in by_source {
        if mails > 1 {
            broken.push(format!("{source} brings {mails} emails at once"));
        }
    }
    for ((code, _), mails) in by_code {
        if mails > 1 {
            broken.push(format!("{code} is mailed {mails} times at once"));
        }
    }
    let mails = asks(play).filter(took).count();
    if mails > LIMITS.first_mails_per_day as usize {
        broken.push(format!("{mails} emails in a day"));
    }
}

/// However often it is used, by code or by link.
fn each_code_buys_one_proof(play: &Play, broken: &mut Vec<String>) {
    let mut proofs = BTreeMap::<&str, BTreeSet<String>>::new();
    for actor in play.actors.iter().filter(|actor| actor.status() == Some(200)) {
        let code = actor.typed.as_deref().unwrap_or_default();
        let claims = actor.response.as_ref().expect("a response").token().claims();
        // A repeat in its minute gets the same proof, byte for byte.
        proofs.entry(code).or_default().insert(claims.to_string());
    }
    for (code, claims) in &proofs {
        if claims.len() > 1 {
            broken.push(format!("the code {code} bought {} proofs", claims.len()));
        }
    }
    let distinct: BTreeSet<_> = proofs.values().flatten().collect();
    if distinct.len() != proofs.len() {
        broken.push("two codes bought one proof".to_owned());
    }
}

/// The guesses that were taken. The same code again is none.
fn guesses(play: &Play) -> usize {
    let taken = play.actors.iter().filter(|actor| is_taken(actor));
    taken.map(|actor| &actor.typed).collect::<BTreeSet<_>>().len()
}

/// Whether a typed code was taken as a guess.
fn is_taken(actor: &Actor) -> bool {
    match actor.role {
        Role::Right => is_right(actor),
        Role::Wrong => actor
            .response
            .as_ref()
            .is_some_and(|response| !response.body["guesses_left"].is_null()),
        _ => false,
    }
}

fn is_right(actor: &Actor) -> bool {
    !actor.role.asks() && actor.status() == Some(200)
}

async fn what_was_charged_is_what_counts(play: &Play, broken: &mut Vec<String>) {
    let mails = play.count("mailbox/", "mails").await;
    let unconfirmed = play.count("mailbox/", "unconfirmed").await;
    let unverified = play.count("source/", "unverified").await;
    let number = |outcome: fn(&Ses) -> bool| {
        let mailed = play.actors.iter().filter_map(|actor| actor.mailed.as_ref());
        i64::try_from(mailed.filter(|(_, ses)| outcome(ses)).count()).expect("a few")
    };
    let (took, failed) = (number(|ses| *ses == Ses::Took), number(|ses| *ses != Ses::Took));
    let unsaid = number(|ses| matches!(ses, Ses::DidNotSay { .. }));
    if mails < 0 || unconfirmed < 0 || unverified < 0 {
        broken.push(format!(
            "negative: {mails} emails, {unconfirmed} unconfirmed, {unverified} unverified"
        ));
    }
    let guesses = guesses(play);
    if guesses > usize::try_from(mails + unconfirmed).unwrap_or_default() {
        broken.push(format!("{guesses} guesses were taken, and {mails} emails paid for"));
    }
    if mails < took || unverified > mails {
        broken.push(format!(
            "{mails} are charged to the mailbox and {unverified} unverified, and SES took {took}"
        ));
    }
    if unverified > i64::from(LIMITS.unverified_per_source.unwrap_or_default()) * 3 {
        broken.push(format!("{unverified} are unverified"));
    }
    if play.actors.iter().any(is_excused) {
        return;
    }
    // Whoever guesses at the code, uses it or asks anew may keep SES's failure charged.
    let meddled = play.actors.len() > 1 && failed > 0;
    let stays = if meddled { failed } else { 0 };
    if mails > took + stays
        || unconfirmed > unsaid
        || unconfirmed + stays < unsaid
        || mails + unconfirmed > took + failed
    {
        broken.push(format!(
            "{mails} are charged and {unconfirmed} unconfirmed; SES took {took}, did not say of {unsaid}"
        ));
    }
    // Of a verified code nothing is left, but what its id was mailed since.
    let verified = play.actors.iter().filter(|actor| actor.status() == Some(200));
    let verified_at = verified.filter_map(|actor| actor.used_at).max();
    let is_left = |actor: &&Actor| {
        let is_verified = actor.role.id() == Role::Ask.id() && verified_at > actor.charged_at;
        actor.charged_at.is_some() && !is_verified
    };
    let left = i64::try_from(asks(play).filter(is_left).count()).expect("a few");
    // Nobody knows when a write was made whose answer was lost.
    let is_certain = failed == 0 && play.actors.iter().all(|actor| actor.faults == 0);
    if is_certain && unverified != left {
        broken.push(format!("{left} emails were not verified, and {unverified} count"));
    }
}

/// No email carries a code that was used up before, and whoever has not used up the newest one can use it.
async fn a_mailed_code_works(play: &Play, broken: &mut Vec<String>) {
    let mut emails: Vec<_> = asks(play)
        .filter(|actor| actor.role.id() == Role::Ask.id())
        .filter_map(Email::of)
        .collect();
    emails.sort_by_key(|email| email.charged_at);
    // Nobody knows when a write was made whose answer was lost.
    if play.actors.iter().any(|actor| actor.faults > 0 || actor.died) {
        return;
    }
    for email in &emails {
        // The code that the challenge had when a guess was taken is that of the email before.
        let spent = play
            .actors
            .iter()
            .filter(|actor| is_taken(actor) || is_right(actor))
            .any(|actor| {
                let before = emails.iter().rfind(|before| Some(before.charged_at) < actor.used_at);
                before.is_some_and(|before| before.code == email.code) && actor.used_at < Some(email.charged_at)
            });
        if spent {
            broken.push(format!("{} is mailed although it was used up", email.code));
        }
    }
    for pair in emails.windows(2) {
        let between = pair[0].charged_at..pair[1].charged_at;
        let is_spent = play
            .actors
            .iter()
            .any(|actor| actor.used_at.is_some_and(|at| between.contains(&at)));
        if pair[0].ses == Ses::Took && pair[0].waits == pair[1].waits && !is_spent {
            broken.push("a repeat within the pause is mailed".to_owned());
        }
    }
    let Some(newest) = emails.last() else { return };
    let opened_at = emails
        .iter()
        .find(|email| email.code == newest.code)
        .map(|email| email.charged_at);
    let is_touched = play
        .actors
        .iter()
        .any(|actor| !actor.role.asks() && actor.used_at > opened_at);
    // The cast may have waited since.
    if is_touched || newest.waits < play.waits {
        return;
    }
    let response = play
        .service
        .verify_code_event(&guess(KIM, Role::Ask.id(), newest.code))
        .await;
    if newest.ses != Ses::DidNotTake && response.status != 200 {
        broken.push(format!("the newest code gets {} {}", response.status, response.text));
    }
}

/// An email of the app's.
struct Email<'a> {
    code: &'a str,
    ses: Ses,
    charged_at: usize,
    waits: usize,
}

impl<'a> Email<'a> {
    fn of(actor: &'a Actor) -> Option<Self> {
        let (code, ses) = actor.mailed.as_ref()?;
        let (charged_at, waits) = (actor.charged_at?, actor.waits);
        Some(Self {
            code,
            ses: *ses,
            charged_at,
            waits,
        })
    }
}

impl Play {
    /// The sum of an attribute over all items of a kind.
    async fn count(&self, kind: &str, attribute: &str) -> i64 {
        let items = self.service.items().await;
        let of_kind = items
            .iter()
            .filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with(kind)));
        let counts = of_kind.filter_map(|item| item.get(attribute)?.as_n().ok());
        counts.map(|count| count.parse::<i64>().expect("a number")).sum()
    }
}
