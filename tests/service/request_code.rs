//! `POST /request-code`: challenge ids, resume and resend.

use serde_json::json;

use crate::harness::event::guess;
use crate::harness::service::{KIM, OWN_ID, Service};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_with_an_id_and_the_times_and_mails_one_code() {
    let service = Service::start().await;
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(response.status, 202);
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(response.challenge_id().len(), 36);
    assert_eq!(
        (&response.body["expires_in"], &response.body["resend_in"]),
        (&json!(600), &json!(60))
    );
    assert_eq!(response.body.as_object().map(serde_json::Map::len), Some(3));
    assert_eq!(service.ses.mails().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_brought_along_is_kept() {
    let service = Service::start().await;
    let response = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID.to_uppercase() }))
        .await;
    assert_eq!((response.status, response.challenge_id().as_str()), (202, OWN_ID));
    let code = service.ses.mails()[0].code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_after_the_pause_mails_the_same_code_and_refills_no_guess() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for wrong in ["000000", "000001"] {
        service.verify_code(&id, wrong).await;
    }
    service.wait(60);
    let response = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!((response.status, response.challenge_id()), (202, id.clone()));
    assert_eq!(response.body["expires_in"], 540, "its expiry stays where it was");
    let mails = service.ses.mails();
    assert_eq!((mails.len(), mails[1].code()), (2, code.clone()));
    assert_eq!(service.verify_code(&id, "000002").await.body["guesses_left"], 2);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_inside_the_pause_with_a_known_id_mails_nothing() {
    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    service.wait(54);
    let repeat = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!((repeat.status, repeat.challenge_id()), (202, id));
    assert_eq!(
        (&repeat.body["expires_in"], &repeat.body["resend_in"]),
        (&json!(546), &json!(6))
    );
    assert_eq!(service.ses.calls(), 1);
    assert_eq!(
        service.count("source/", "unverified").await,
        1,
        "nobody pays for a repeat"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_inside_the_pause_without_a_known_id_is_refused_and_stays_unknown() {
    let service = Service::start().await;
    service.mailed_code().await;
    service.wait(10);
    for body in [
        json!({ "email": KIM }),
        json!({ "email": KIM, "challenge_id": OWN_ID }),
        // This one was refused before, so its code was never mailed. The response must not claim that it was.
        json!({ "email": KIM, "challenge_id": OWN_ID }),
    ] {
        let response = service.request_code(body).await;
        assert_eq!(response.problem(), "429 too-many-requests");
        assert_eq!(response.body["retry_after"], 50);
        assert_eq!(response.headers["retry-after"], "50");
    }
    assert_eq!(service.ses.calls(), 1);
    // Nor does it take guesses: nobody was charged for it, so there would be as many as there are ids.
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 code-expired"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_late_in_its_life_is_repeatable_like_any_other() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(535);
    let resend = json!({ "email": KIM, "challenge_id": id });
    assert_eq!(service.request_code(resend.clone()).await.body["expires_in"], 65);
    service.wait(20);
    let repeat = service.request_code(resend.clone()).await;
    assert_eq!((repeat.status, &repeat.body["expires_in"]), (202, &json!(45)));
    let repeat = service.request_code_from("203.0.113.8", resend).await;
    assert_eq!((repeat.status, &repeat.body["expires_in"]), (202, &json!(45)));
    assert_eq!(service.ses.calls(), 2);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pause_of_a_challenge_goes_on_over_midnight() {
    let service = Service::start().await;
    service.wait_until_before_midnight(10);
    let (id, _) = service.mailed_code().await;
    service.wait(15);
    let repeat = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!((repeat.status, repeat.challenge_id()), (202, id));
    assert_eq!(service.ses.calls(), 1);
}

/// Ways for a challenge to die, each followed by a request that names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_challenge_is_opened_anew_under_its_id() {
    for way_to_die in ["used", "guesses gone", "last minute", "expired", "deleted by TTL"] {
        let service = Service::start().await;
        let (id, old_code) = service.mailed_code().await;
        match way_to_die {
            "used" => drop(service.verify_code(&id, &old_code).await),
            "guesses gone" => {
                for wrong in 0..5 {
                    service.verify_code(&id, &format!("00000{wrong}")).await;
                }
            }
            "last minute" => service.wait(540),
            "expired" => service.wait(1_000),
            _ => service.expire("challenge/").await,
        }
        service.wait(60);
        let named = json!({ "email": KIM, "challenge_id": id });
        let response = service.request_code(named.clone()).await;
        assert_eq!(
            (response.status, response.challenge_id()),
            (202, id.clone()),
            "{way_to_die}"
        );
        assert_eq!(response.body["expires_in"], 600);
        let new_code = service.ses.mails()[1].code();
        assert_ne!(new_code, old_code, "{way_to_die}");

        let repeat = service.request_code(named).await;
        assert_eq!(
            (repeat.status, repeat.challenge_id()),
            (202, id.clone()),
            "{way_to_die}"
        );
        assert_eq!((&repeat.body["expires_in"], service.ses.calls()), (&json!(600), 2));

        assert_eq!(
            service.verify_code(&id, &old_code).await.body["guesses_left"],
            4,
            "{way_to_die}"
        );
        assert_eq!(service.verify_code(&id, &new_code).await.status, 200, "{way_to_die}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_was_used_inside_the_pause_is_not_answered_as_mailed() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.verify_code(&id, &code).await;
    let named = json!({ "email": KIM, "challenge_id": id });
    let refused = service.request_code(named.clone()).await;
    assert_eq!(refused.problem(), "429 too-many-requests");
    assert_eq!(
        service.verify_code(&id, &code).await.status,
        200,
        "nor does it end the repeat"
    );
    service.wait(60);
    assert_eq!(service.request_code(named).await.status, 202);
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 invalid-code");
}

/// One id for a whole sign-up: the typo, the right address, and its second code.
#[tokio::test(flavor = "multi_thread")]
async fn one_id_serves_a_whole_sign_up() {
    let service = Service::start().await;
    let ask = async |email: &str| {
        let response = service
            .request_code(json!({ "email": email, "challenge_id": OWN_ID }))
            .await;
        assert_eq!((response.status, response.challenge_id().as_str()), (202, OWN_ID));
        service.ses.newest_mail_to(email).code()
    };
    ask("kin@example.com").await;
    let first = ask(KIM).await;
    ask("kin@example.com").await;
    assert_eq!(service.ses.calls(), 2, "back to the first address: a repeat");
    service.wait(601);
    let second = ask(KIM).await;
    assert_ne!(first, second);
    let claims = service.verify_code(OWN_ID, &second).await.token().claims();
    assert_eq!(
        (&claims["email"], &claims["challenge_id"]),
        (&json!(KIM), &json!(OWN_ID))
    );
}

/// Two spellings of one mailbox, under one id: the second was not mailed, so no 202 may say so.
#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_the_mailbox_has_to_wait() {
    for (first, second) in [
        ("kim.lee@gmail.com", "kimlee@gmail.com"),
        ("lee+a@example.com", "lee+b@example.com"),
    ] {
        let service = Service::start().await;
        let ask = async |email: &str| {
            service
                .request_code(json!({ "email": email, "challenge_id": OWN_ID }))
                .await
        };
        assert_eq!(ask(first).await.status, 202);
        service.wait(10);
        let refused = ask(second).await;
        assert_eq!(
            (refused.problem().as_str(), &refused.body["retry_after"]),
            ("429 too-many-requests", &json!(50))
        );
        service.wait(50);
        assert_eq!(ask(second).await.status, 202);
        let event = guess(second, OWN_ID, &service.ses.newest_mail_to(second).code());
        assert_eq!(service.verify_code_event(&event).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_address_is_another_challenge() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let lee = service
        .request_code(json!({ "email": "lee@example.com", "challenge_id": id }))
        .await;
    assert_eq!((lee.status, lee.challenge_id()), (202, id.clone()));
    let mails = service.ses.mails();
    assert_eq!(mails[1].0["Destination"]["ToAddresses"], json!(["lee@example.com"]));
    assert_ne!(mails[1].code(), code);
    assert_eq!(
        service.verify_code(&id, &mails[1].code()).await.problem(),
        "401 invalid-code"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn however_an_address_is_typed_it_is_one_recipient() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let again = service.request_code(json!({ "email": " KIM@Example.COM " })).await;
    assert_eq!(again.problem(), "429 too-many-requests");
    let event = guess("Kim@EXAMPLE.com\n", &id.to_uppercase(), &code);
    let response = service.verify_code_event(&event).await;
    assert_eq!((response.status, &response.body["email"]), (200, &json!(KIM)));
    let claims = response.token().claims();
    assert_eq!((&claims["email"], &claims["challenge_id"]), (&json!(KIM), &json!(id)));
}
