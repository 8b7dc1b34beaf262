//! Several instances and requests at the same time: each with a clock, with calls and with a turn of its own.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::sync::oneshot;

use crate::harness::event::{event, guess};
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::world::call::Call;
use crate::harness::world::director::{Decision, Director};
use crate::harness::world::fault::Fault;

#[tokio::test(start_paused = true)]
async fn the_calls_of_the_last_request_are_known_by_their_names() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    assert_eq!(service.last_calls().last().map(String::as_str), Some("SendEmail"));
    service.verify_code(&id, &code).await;
    assert_eq!(service.last_calls()[0], "UpdateItem");
    service.key_set().await;
    assert!(service.last_calls().is_empty());
}

/// A code is mailed by an instance whose clock is two seconds slow, and typed at one whose clock is two seconds fast.
#[tokio::test(start_paused = true)]
async fn each_instance_has_a_clock_of_its_own() {
    let service = Service::start().await;
    let slow = service.start_request_code(-2).await;
    let fast = service.start_fast_verify_code(2).await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID }).to_string();
    let ask = event("/request-code", body.as_bytes());
    assert_eq!(service.request_code_by(&slow, &ask).await.body["expires_in"], 600);
    let code = service.ses.newest_mail().code();
    let guess = guess(KIM, OWN_ID, &code);
    let token = service.verify_code_by(&fast, &guess).await.token();
    assert_eq!(token.claims()["iat"], service.now() + 2);
}

/// Keeps every call waiting until it is told which one goes on.
#[derive(Default)]
struct Parking(Mutex<Vec<(usize, oneshot::Sender<Option<Fault>>)>>);

impl Director for Parking {
    fn decide<'a>(&'a self, call: &'a mut Call) -> Decision<'a> {
        let (decide, decided) = oneshot::channel();
        self.0.lock().expect("the calls").push((call.request, decide));
        Box::pin(async { decided.await.expect("a decision") })
    }
}

impl Parking {
    /// Lets the calls of a request go on, whenever it has one that waits.
    fn release(&self, request: usize) {
        let mut parked = self.0.lock().expect("the calls");
        while let Some(at) = parked.iter().position(|(of, _)| *of == request) {
            let (_, decide) = parked.remove(at);
            decide.send(None).expect("a call that waits");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_director_lets_the_second_request_overtake_the_first() {
    let service = Arc::new(Service::start().await);
    let parking = Arc::<Parking>::default();
    service.world.direct_by(Arc::<Parking>::clone(&parking));
    let mut requests = Vec::new();
    for email in ["first@example.com", "second@example.com"] {
        let service = Arc::clone(&service);
        let request = async move { service.request_code(json!({ "email": email })).await.status };
        requests.push(tokio::spawn(request));
    }
    for (request, mails) in [(2, 1), (1, 2)] {
        while service.ses.mails().len() < mails {
            // As long as this task is ready, the paused clock stands still, and no parked call runs into a limit.
            tokio::task::yield_now().await;
            parking.release(request);
        }
    }
    for request in requests {
        assert_eq!(request.await.expect("a status"), 202);
    }
    let to = |number: usize| service.ses.mails()[number].0["Destination"]["ToAddresses"][0].clone();
    assert_eq!(
        (to(0), to(1)),
        (json!("second@example.com"), json!("first@example.com"))
    );
}
