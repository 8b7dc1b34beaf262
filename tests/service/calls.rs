//! How many AWS calls each way through a function takes. They are made one after the other, so these are round trips as well.

use serde_json::{Value, json};

use crate::harness::service::{KIM, OWN_ID, Service, config};
use crate::harness::ses::Mood;

const HOME: &str = "203.0.113.7";
const ELSEWHERE: &str = "203.0.113.8";
const TRANSACTION: &str = "TransactWriteItems";
const MAIL: &str = "SendEmail";
const WRITE: &str = "UpdateItem";

/// Asserts the status of a request, and the calls that it made.
async fn ask(service: &Service, source: &str, body: Value, status: u16, calls: &[&str]) {
    let response = service.request_code_from(source, body).await;
    assert_eq!(
        (response.status, service.last_calls()),
        (status, owned(calls)),
        "{}",
        response.text
    );
}

/// The same for a submitted code.
async fn submit(service: &Service, code: &str, status: u16, calls: &[&str]) {
    let response = service.verify_code(OWN_ID, code).await;
    assert_eq!(
        (response.status, service.last_calls()),
        (status, owned(calls)),
        "{}",
        response.text
    );
}

fn owned(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| (*call).to_owned()).collect()
}

#[tokio::test]
async fn a_request_takes_one_transaction_and_a_guess_one_write() {
    let service = Service::start().await;
    let named = json!({ "email": KIM, "challenge_id": OWN_ID });
    let unnamed = json!({ "email": KIM });
    ask(&service, HOME, named.clone(), 202, &[TRANSACTION, MAIL]).await;
    // Repeats, and a request within the pause.
    ask(&service, HOME, named.clone(), 202, &[TRANSACTION]).await;
    ask(&service, ELSEWHERE, named.clone(), 202, &[TRANSACTION]).await;
    ask(&service, HOME, unnamed.clone(), 429, &[TRANSACTION]).await;
    // A stranger.
    ask(&service, ELSEWHERE, unnamed.clone(), 202, &[TRANSACTION, MAIL]).await;
    service.wait(60);
    // A resend.
    ask(&service, HOME, named.clone(), 202, &[TRANSACTION, TRANSACTION, MAIL]).await;

    let code = service.ses.newest_mail().code();
    submit(&service, "000000", 401, &[WRITE]).await;
    // The second one gives the emails back.
    submit(&service, &code, 200, &[WRITE, WRITE]).await;
    submit(&service, &code, 200, &[WRITE]).await;
    service.key_set().await;
    assert_eq!(service.last_calls(), owned(&[]));

    service.wait(60);
    // A dead challenge is opened anew.
    ask(&service, HOME, named, 202, &[TRANSACTION, TRANSACTION, MAIL]).await;
}

/// Nothing is given back to a source whose only email was taken back.
#[tokio::test]
async fn a_source_that_paid_for_nothing_takes_no_write() {
    let service = Service::start().await;
    let named = json!({ "email": KIM, "challenge_id": OWN_ID });
    ask(&service, HOME, named.clone(), 202, &[TRANSACTION, MAIL]).await;
    service.wait(60);
    service
        .ses
        .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now"));
    let undone = [TRANSACTION, TRANSACTION, MAIL, TRANSACTION];
    ask(&service, ELSEWHERE, named, 503, &undone).await;
    let code = service.ses.newest_mail().code();
    submit(&service, &code, 200, &[WRITE, WRITE]).await;
}

#[tokio::test]
async fn a_request_over_a_limit_takes_one_transaction() {
    let mut limited = config();
    limited.limits.unverified_per_source = Some(1);
    let service = Service::start_with(limited).await;
    service.mailed_code().await;
    ask(
        &service,
        HOME,
        json!({ "email": "lee@example.com" }),
        429,
        &[TRANSACTION],
    )
    .await;
    for source in 0..20 {
        service
            .request_code_from(&format!("198.51.100.{source}"), json!({ "email": KIM }))
            .await;
    }
    ask(&service, "198.51.100.99", json!({ "email": KIM }), 429, &[TRANSACTION]).await;
}

#[tokio::test]
async fn a_mail_that_ses_does_not_confirm_takes_one_transaction_more() {
    for (status, code, answered) in [
        (429, "TooManyRequestsException", 503),
        (400, "MessageRejected", 500),
        (500, "InternalServiceErrorException", 503),
    ] {
        let service = Service::start().await;
        service.ses.set_mood(Mood::Refusing(status, code, "not now"));
        ask(
            &service,
            HOME,
            json!({ "email": KIM }),
            answered,
            &[TRANSACTION, MAIL, TRANSACTION],
        )
        .await;
    }
}

/// The write units of a sign-up, and of one with a resend and a wrong guess, as `docs/cost.md` has them in its table.
///
/// A transaction that is made writes each of its three items at twice the price, and so does one that is refused.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-capacity-handling>
#[tokio::test]
async fn the_cost_page_has_the_write_units_of_a_sign_up() {
    let service = Service::start().await;
    let asks = async || {
        service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        units(&service)
    };
    let submits = async |code: &str| {
        service.verify_code(OWN_ID, code).await;
        units(&service)
    };
    let first = asks().await;
    service.wait(60);
    let resend = asks().await;
    let code = service.ses.newest_mail().code();
    let (wrong, right) = (submits("000000").await, submits(&code).await);
    let (guess, give_back) = (wrong, right - wrong);
    let row = |units: &[usize]| {
        let each: Vec<_> = units.iter().map(usize::to_string).collect();
        format!("{} = {}", units.iter().sum::<usize>(), each.join(" + "))
    };
    let row = format!(
        "| DynamoDB write units | {} | {} |",
        row(&[first, guess, give_back]),
        row(&[first, resend, wrong, guess, give_back])
    );
    assert!(include_str!("../../docs/cost.md").contains(&row), "{row}");
}

/// The write units of the last request.
fn units(service: &Service) -> usize {
    let calls = service.last_calls().into_iter();
    calls
        .map(|call| match call.as_str() {
            TRANSACTION => 3 * 2,
            WRITE => 1,
            _ => 0,
        })
        .sum()
}
