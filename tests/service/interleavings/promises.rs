//! What must hold after each world: the promises of the service, by what its users see and by what the [`model`](super::model)
//! says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::actor::{Actor, Ses};
use super::cast::{Circumstance, Role};
use super::model::{Charge, Model, Request, Undoing};
use super::play::Play;
use crate::harness::event::guess;
use crate::harness::log;
use crate::harness::service::KIM;

/// The promises that a world broke, in words.
pub(super) async fn broken(play: &Play) -> Vec<String> {
    let mut model = Model::of(&play.lot.history(), &play.scene);
    let mut broken = std::mem::take(&mut model.broken);
    let nothing = Request::default();
    for (number, actor) in play.started.iter().map(|index| &play.actors[*index]).enumerate() {
        let request = model.requests.get(&(number + 1)).unwrap_or(&nothing);
        let mut say = |what: String| broken.push(format!("{:?}, request {}: {what}", actor.role, number + 1));
        check_response(play, actor, request, &mut say);
        check_calls(play, actor, request, &mut say);
        if actor.role.asks() {
            check_email(play, &model, actor, request, &mut say);
        } else {
            check_giving_back(actor, request, &mut say);
        }
    }
    check_mails(play, &mut broken);
    check_proofs(play, &mut broken);
    check_table(&model, &play.items().await, &mut broken);
    check_log(play, &mut broken);
    check_newest_code(play, &model, &mut broken).await;
    broken
}

/// Whether an exception excuses a request: its instance died, or `DynamoDB` failed it more than once.
fn is_excused(actor: &Actor) -> bool {
    actor.died || actor.faults > 1
}

fn check_response(play: &Play, actor: &Actor, request: &Request, say: &mut impl FnMut(String)) {
    let Some(response) = &actor.response else { return };
    let ses = actor.ses();
    let expected = match (actor.role.asks(), ses, request.charge) {
        (true, Some(Ses::Took), _) => 202,
        (true, Some(_), _) => 503,
        (true, None, Some(Charge::Refused)) => 429,
        (true, None, _) if request.is_told => 422,
        (true, None, _) => 202,
        // Two days after a rotation nobody can open the link any more.
        (false, ..) if actor.role == Role::Link && request.calls == 0 => 400,
        (false, ..) => request.status.unwrap_or(401),
    };
    let may_be_unreadable = play.scene.is(Circumstance::Rotation) && play.scene.is(Circumstance::Days);
    if response.status == 400 && !may_be_unreadable {
        say("the link is not looked up".to_owned());
    }
    // What collides for two seconds is refused.
    let is_fault = [429, 500].contains(&response.status) && is_excused(actor);
    if expected != response.status && !is_fault {
        say(format!("the response is {}, in place of {expected}", response.status));
    }
    if response.status == 202 {
        let seconds = ["expires_in", "resend_in"].map(|name| response.body[name].as_i64().unwrap_or_default());
        let is_right = if ses.is_some() {
            seconds[1] == 60
        } else {
            (0..=60).contains(&seconds[1])
        };
        if response.challenge_id() != actor.role.id() || !(1..=600).contains(&seconds[0]) || !is_right {
            say(format!("the response says {}", response.body));
        }
    }
    if response.status == 429 && is_the_first_of_its_source(play, actor) && !is_fault {
        say("others keep it from a code".to_owned());
    }
    if actor.took >= Duration::from_secs(25) {
        say(format!("the response takes {:?}", actor.took));
    }
}

/// Whether nobody else asks from its source, and nothing is so that a few strangers use a mailbox up.
fn is_the_first_of_its_source(play: &Play, actor: &Actor) -> bool {
    let special = [Circumstance::Tight, Circumstance::Unconfirmed, Circumstance::Sick];
    let asks = play.actors.iter().filter(|other| other.role.asks());
    asks.filter(|other| other.role.source() == actor.role.source()).count() == 1
        && !special.into_iter().any(|special| play.scene.is(special))
}

/// A request makes no more calls than docs/cost.md counts, and two more for each fault.
fn check_calls(play: &Play, actor: &Actor, request: &Request, say: &mut impl FnMut(String)) {
    let keys = if play.scene.is(Circumstance::Rotation) { 2 } else { 1 };
    // An ask tries four transactions and undoes one. A guess is one write under each key, and a right one pays each payer back.
    let most = if actor.role.asks() {
        4 + 1 + (keys - 1)
    } else {
        keys + request.owes.len()
    };
    if request.calls > most + 2 * actor.faults {
        say(format!("{} calls", request.calls));
    }
}

fn check_email(play: &Play, model: &Model, actor: &Actor, request: &Request, say: &mut impl FnMut(String)) {
    let ses = actor.ses();
    // What SES failed is undone, in the way that it was failed, and nothing else is.
    let due = match ses {
        None | Some(Ses::Took) => None,
        Some(Ses::DidNotTake) => Some(Undoing::TakenBack),
        Some(Ses::DidNotSay { .. }) => Some(Undoing::Unconfirmed),
    };
    let is_lost = request.undoing.is_none() && is_excused(actor);
    if request.undoing != due && !is_lost {
        say(format!("SES {ses:?}, and then {:?}", request.undoing));
    }
    if request.charge == Some(Charge::Done) && ses.is_none() && !is_excused(actor) {
        say("its email is charged and was not sent".to_owned());
    }
    let to = json!({ "ToAddresses": [actor.role.email()] });
    if actor.emails.len() > 1 || actor.emails.iter().any(|email| email.destination != to) {
        say(format!("it sends {} emails, or to somebody else", actor.emails.len()));
    }
    if ses.is_some() && request.charge != Some(Charge::Done) {
        say("its email is sent and was not charged".to_owned());
    }
    if actor.status() == Some(202) && ses.is_none() {
        let sender = request.relies_on.as_ref().and_then(|mail| model.request_of(mail));
        let sender = sender.map(|number| &play.actors[play.started[number - 1]]);
        if !sender.is_some_and(|sender| sender.ses().is_some() || sender.died || sender.faults > 0) {
            say("a 202, and no email".to_owned());
        }
    }
}

/// Whoever proves an address gives its emails back to those who paid for them, once.
fn check_giving_back(actor: &Actor, request: &Request, say: &mut impl FnMut(String)) {
    let owes: BTreeMap<_, _> = request.owes.iter().filter(|(_, mails)| **mails > 0).collect();
    let gave_back: BTreeMap<_, _> = request.gave_back.iter().collect();
    let is_part = gave_back.iter().all(|(source, mails)| owes.get(source) == Some(mails));
    if owes != gave_back && !(is_part && (actor.died || actor.faults > 0)) {
        say(format!("{owes:?} are to be given back, and {gave_back:?} are"));
    }
}

/// However often somebody asks, a mailbox and a source have limits.
fn check_mails(play: &Play, broken: &mut Vec<String>) {
    // There the counts begin anew.
    let special = [Circumstance::Midnight, Circumstance::Days, Circumstance::Rotation];
    if special.into_iter().any(|special| play.scene.is(special)) {
        return;
    }
    let took = |actor: &&Actor| actor.ses() == Some(Ses::Took);
    let of_kim = |actor: &&Actor| actor.role.email() == KIM;
    let mut by_source = BTreeMap::<_, usize>::new();
    for actor in play.actors.iter().filter(took).filter(of_kim) {
        *by_source.entry(actor.role.source()).or_default() += 1;
    }
    let limits = play.scene.limits();
    if by_source.values().sum::<usize>() > limits.first_mails_per_day as usize {
        broken.push(format!("the mailbox gets {by_source:?}"));
    }
    if by_source
        .values()
        .any(|mails| *mails > limits.mails_per_source as usize)
    {
        broken.push(format!("a source brings {by_source:?}"));
    }
}

/// A code buys one proof by link and one typed, however often it is used, and both have one id.
fn check_proofs(play: &Play, broken: &mut Vec<String>) {
    let mut proofs = BTreeMap::<(&str, bool), BTreeSet<String>>::new();
    let mut ids = BTreeMap::<&str, BTreeSet<String>>::new();
    for actor in play.actors.iter().filter(|actor| actor.status() == Some(200)) {
        let code = actor.typed.as_deref().unwrap_or_default();
        let claims = actor.response.as_ref().expect("a response").token().claims();
        if [Role::Wrong, Role::Misused].contains(&actor.role) || claims["purpose"] != "sign-up" {
            broken.push(format!("{:?} buys a proof with {code}: {claims}", actor.role));
        }
        // A repeat in its minute gets the same proof.
        let way = (code, actor.role == Role::Link);
        proofs.entry(way).or_default().insert(claims.to_string());
        ids.entry(code).or_default().insert(claims["jti"].to_string());
    }
    for ((code, _), claims) in proofs.iter().filter(|(_, claims)| claims.len() > 1) {
        broken.push(format!("the code {code} buys {} proofs", claims.len()));
    }
    for (code, ids) in ids.iter().filter(|(_, ids)| ids.len() > 1) {
        broken.push(format!("the code {code} buys proofs with {} ids", ids.len()));
    }
    let distinct: BTreeSet<_> = ids.values().flatten().collect();
    if distinct.len() != ids.len() {
        broken.push("two codes buy proofs with one id".to_owned());
    }
}

/// What was charged, guessed and used is what the items say.
fn check_table(model: &Model, items: &[Value], broken: &mut Vec<String>) {
    let is_there = |pk: &String| items.iter().any(|item| item["pk"]["S"] == **pk);
    let names = model
        .challenges
        .keys()
        .chain(model.mailboxes.keys())
        .chain(model.sources.keys());
    broken.extend(names.filter(|pk| !is_there(pk)).map(|pk| format!("{pk} is missing")));
    for item in items {
        let pk = item["pk"]["S"].as_str().expect("a name");
        let mut compare = |name: &str, is: i64, should: i64| {
            if is != should {
                broken.push(format!("{pk} has {name} {is}, and should have {should}"));
            }
        };
        if let Some(source) = model.sources.get(pk) {
            compare("unverified", number(&item["unverified"]), *source);
        } else if let Some(mailbox) = model.mailboxes.get(pk) {
            compare("mails", number(&item["mails"]), mailbox.mails);
            compare("unconfirmed", number(&item["unconfirmed"]), mailbox.unconfirmed);
            compare("hold_until", number(&item["hold_until"]), mailbox.hold_until);
            for (source, (mails, at)) in &mailbox.by_source {
                compare(source, number(&item[source]), *mails);
                let at_name = source.replacen("n_", "at_", 1);
                compare(&at_name, number(&item[&at_name]), at.unwrap_or_default());
            }
        } else if let Some(challenge) = model.challenges.get(pk) {
            let guesses = item["guesses"]["SS"].as_array().map_or(0, Vec::len);
            compare("ends_at", number(&item["ends_at"]), challenge.ends_at);
            compare(
                "sent_at",
                number(&item["sent_at"]),
                challenge.sent_at.unwrap_or_default(),
            );
            compare(
                "linked_at",
                number(&item["linked_at"]),
                challenge.linked_at.unwrap_or_default(),
            );
            let is_undeliverable = item["undeliverable"]["S"] == "mailbox";
            compare(
                "undeliverable",
                i64::from(is_undeliverable),
                i64::from(challenge.is_undeliverable),
            );
            compare("guesses", size(guesses), size(challenge.guesses.len()));
            let has_code = item["code_digest"]["S"].as_str() == challenge.code.as_deref();
            compare("the right code", i64::from(has_code), 1);
            let payers = &item["paid_by"]["M"];
            for (source, mails) in &challenge.payers {
                compare(source, number(&payers[source]), *mails);
            }
            compare(
                "payers",
                size(payers.as_object().map_or(0, Map::len)),
                size(challenge.payers.len()),
            );
        } else {
            broken.push(format!("{pk} is there"));
        }
    }
}

/// A number in an item, 0 if there is none.
fn number(attribute: &Value) -> i64 {
    let number = attribute["N"].as_str();
    number.map_or(0, |number| number.parse().expect("a number"))
}

fn size(length: usize) -> i64 {
    i64::try_from(length).expect("a few")
}

/// No address and no code of this world is in the log. (Other tests log as well, and no code of theirs either.)
fn check_log(play: &Play, broken: &mut Vec<String>) {
    let log = log::since(play.log_mark);
    let codes = play.actors.iter().filter_map(Actor::email).map(|email| &email.code);
    for secret in codes
        .map(String::as_str)
        .chain(["kim@", "lee@", "203.0.113.", "198.51.100."])
    {
        let is_part_of_longer_text = |at: usize| {
            let around = [log[..at].chars().next_back(), log[at + secret.len()..].chars().next()];
            // The six digits of a time's microseconds are no code.
            around
                .iter()
                .flatten()
                .any(|next| next.is_alphanumeric() || *next == '.')
        };
        let mut found = log.match_indices(secret);
        let is_code = secret.bytes().all(|byte| byte.is_ascii_digit());
        if found.any(|(at, _)| !is_code || !is_part_of_longer_text(at)) {
            broken.push(format!("the log has {secret}"));
        }
    }
}

/// The app's newest code works, unless it was used, guessed at or taken back, or is past its time.
async fn check_newest_code(play: &Play, model: &Model, broken: &mut Vec<String>) {
    // Under two keys an id can have two challenges.
    let challenges = model.charged.iter().rev().filter_map(|pk| model.challenges.get(pk));
    for challenge in challenges {
        let senders = challenge.mails.iter().filter_map(|mail| model.request_of(mail));
        let senders: Vec<_> = senders.map(|number| &play.actors[play.started[number - 1]]).collect();
        if !senders.iter().any(|sender| sender.role.is_about_the_apps()) {
            continue;
        }
        let emails = senders.iter().rev().filter_map(|sender| sender.email());
        let arrived = emails.filter(|email| email.arrived()).map(|email| &email.code).next();
        let now = play.service.now();
        // Whose clock is two seconds off may have opened it.
        let is_open = challenge.is_open(play.scene.max_guesses(), now + 2);
        if let Some(code) = arrived.filter(|_| is_open) {
            let response = play.service.verify_code_event(&guess(KIM, Role::Ask.id(), code)).await;
            if response.status != 200 {
                broken.push(format!(
                    "the newest code {code} gets {} {}",
                    response.status, response.text
                ));
            }
        }
        return;
    }
}
