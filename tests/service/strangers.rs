//! What strangers cannot do to a person, with the defaults.

use serde_json::json;

use crate::harness::service::{KIM, OWN_ID, Service};

const STRANGER: &str = "198.51.100.66";
const PERSON: &str = "203.0.113.7";

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_a_stranger_who_asks_for_somebodys_code_all_day_keeps_nobody_out() {
    let service = Service::start().await;
    for _ in 0..12 {
        service.request_code_from(STRANGER, json!({ "email": KIM })).await;
        service.wait(60);
    }
    assert!(service.ses.calls() <= 4, "{}", service.ses.calls());
    for _ in 0..4 {
        let person = service.request_code_from(PERSON, json!({ "email": KIM })).await;
        assert_eq!(person.status, 202, "{}", person.text);
        service.wait(60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_1_a_person_is_mailed_a_second_after_a_stranger_asked() {
    let service = Service::start().await;
    service.request_code_from(STRANGER, json!({ "email": KIM })).await;
    service.wait(1);
    let person = service
        .request_code_from(PERSON, json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!((person.status, service.ses.calls()), (202, 2));
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_2_tags_and_dots_bring_no_more_mails_into_a_mailbox() {
    for address in [
        |number: usize| format!("kim+{number}@example.com"),
        |number: usize| {
            // A dot behind each letter that has a one in the binary number.
            let letters = "kimseoyeon".char_indices();
            let dotted: Vec<_> = letters
                .map(|(place, letter)| [letter.to_string(), ".".repeat(number >> place & 1)].concat())
                .collect();
            format!("{}@gmail.com", dotted.concat())
        },
    ] {
        let service = Service::start().await;
        for number in 0..40 {
            service
                .request_code_from(STRANGER, json!({ "email": address(number) }))
                .await;
            service.wait(60);
        }
        assert!((1..=4).contains(&service.ses.calls()), "{}", service.ses.calls());
        for source in 0..40 {
            let body = json!({ "email": address(source) });
            service.request_code_from(&format!("203.0.113.{source}"), body).await;
        }
        assert!(service.ses.calls() <= 20, "{}", service.ses.calls());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_is_for_the_typed_address_with_its_tag() {
    let service = Service::start().await;
    let tagged = "kim+shop@example.com";
    let asked = service.request_code(json!({ "email": tagged })).await;
    let code = service.ses.newest_mail().code();
    let event = crate::harness::event::guess(tagged, &asked.challenge_id(), &code);
    assert_eq!(
        service.verify_code_event(&event).await.token().claims()["email"],
        tagged
    );
    let event = crate::harness::event::guess(KIM, &asked.challenge_id(), &code);
    assert_eq!(service.verify_code_event(&event).await.problem(), "401 code-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn promise_4_a_source_that_verifies_nothing_causes_200_mails_a_day() {
    let service = Service::start().await;
    let mut mailed = 0;
    for hour in 0..4 {
        for person in 0..110 {
            let body = json!({ "email": format!("person{hour}-{person}@example.com") });
            let status = service.request_code_from(STRANGER, body).await.status;
            mailed += usize::from(status == 202);
        }
        service.wait(3_600);
    }
    assert_eq!((mailed, service.ses.calls()), (200, 200));
    let refused = service.request_code_from(STRANGER, json!({ "email": KIM })).await;
    assert_eq!(refused.body["retry_after"], 8 * 3_600, "until midnight UTC");
    assert_eq!(
        service.request_code_from(PERSON, json!({ "email": KIM })).await.status,
        202
    );
}

/// Fifteen arrive each minute. Nine in ten type their code two minutes later.
#[tokio::test(flavor = "multi_thread")]
async fn promise_4_an_office_of_300_behind_one_address_signs_up_within_20_minutes() {
    let service = Service::start().await;
    let mut waiting = Vec::new();
    for minute in 0..22 {
        for number in 0..15 {
            if minute < 20 {
                let email = format!("person{minute}-{number}@example.com");
                let asked = service.request_code_from(PERSON, json!({ "email": email })).await;
                assert_eq!(asked.status, 202, "minute {minute}, person {number}: {}", asked.text);
                let code = service.ses.newest_mail().code();
                waiting.push((minute, email, asked.challenge_id(), code));
            }
        }
        for (number, (asked_at, email, id, code)) in waiting.iter().enumerate() {
            if *asked_at + 2 == minute && number % 10 != 0 {
                let event = crate::harness::event::guess(email, id, code);
                assert_eq!(service.verify_code_event(&event).await.status, 200);
            }
        }
        service.wait(60);
    }
    assert_eq!(service.ses.calls(), 300);
    assert_eq!(
        service.count("source/", "unverified").await,
        30,
        "those that nobody verified"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_gives_back_all_that_its_challenge_cost_once() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(60);
    let resend = json!({ "email": KIM, "challenge_id": id });
    assert_eq!(service.request_code(resend).await.status, 202);
    assert_eq!(service.count("source/", "unverified").await, 2);
    for _ in 0..3 {
        assert_eq!(service.verify_code(&id, &code).await.status, 200);
        assert_eq!(service.count("source/", "unverified").await, 0);
    }
    let other = service.request_code(json!({ "email": "lee@example.com" })).await;
    let wrong = crate::harness::event::guess("lee@example.com", &other.challenge_id(), "000000");
    service.verify_code_event(&wrong).await;
    assert_eq!(
        service.count("source/", "unverified").await,
        1,
        "a wrong one gives nothing back"
    );
}

/// A code that expired, and the one that took its place: both were paid for, and the person has proven that both went to them.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_code_gives_back_the_mails_of_an_unused_generation_as_well() {
    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    service.wait(601);
    let body = json!({ "email": KIM, "challenge_id": id });
    assert_eq!(service.request_code_from("203.0.113.8", body).await.status, 202);
    service.wait(1);
    assert_eq!(
        service.verify_code(&id, &service.ses.newest_mail().code()).await.status,
        200
    );
    for item in service.items().await {
        let unverified = item.get("unverified").and_then(|count| count.as_n().ok());
        assert!(unverified.is_none_or(|count| count == "0"), "{unverified:?}");
    }
}

/// Requests that mail nothing count for nothing: one device that asks again and again keeps nobody behind its address out.
#[tokio::test(flavor = "multi_thread")]
async fn promise_1_one_device_that_asks_a_thousand_times_keeps_nobody_behind_its_address_out() {
    let service = Service::start().await;
    for _ in 0..1_000 {
        service.request_code(json!({ "email": "mallory@example.com" })).await;
    }
    assert_eq!(
        (service.ses.calls(), service.count("source/", "unverified").await),
        (1, 1)
    );
    assert_eq!(service.request_code(json!({ "email": KIM })).await.status, 202);
}

/// Whatever a source does, it brings four emails into a mailbox, under as many ids and addresses as it likes.
#[tokio::test(flavor = "multi_thread")]
async fn promise_2_one_source_brings_four_mails_and_all_together_twenty() {
    let service = Service::start().await;
    for id in 0..8 {
        let id = format!("00000000-0000-4000-8000-{id:012}");
        service
            .request_code_from(STRANGER, json!({ "email": KIM, "challenge_id": id }))
            .await;
        service.wait(60);
    }
    assert_eq!(service.ses.calls(), 4);
    for source in 0..40 {
        service
            .request_code_from(&format!("203.0.113.{source}"), json!({ "email": KIM }))
            .await;
    }
    assert_eq!(service.ses.calls(), 20);
}

/// Each email allows five guesses, a resend none more, and a request that mails nothing none at all.
#[tokio::test(flavor = "multi_thread")]
async fn promise_3_at_most_100_guesses_a_day_are_taken_at_one_address() {
    let service = Service::start().await;
    let mut taken = 0;
    for source in 0..60 {
        for _ in 0..2 {
            let id = format!("00000000-0000-4000-8000-{source:012}");
            let body = json!({ "email": KIM, "challenge_id": id });
            service.request_code_from(&format!("203.0.113.{source}"), body).await;
            for _ in 0..8 {
                taken += 1;
                let guess = service.verify_code(&id, &format!("{taken:06}")).await;
                taken -= usize::from(guess.body["guesses_left"].is_null());
            }
            service.wait(60);
        }
    }
    assert!((50..=100).contains(&taken), "{taken}");
}

/// A carrier's NAT for a day: 1,000 people, 15 % never verify, 5 % ask for a second email, 5 % tap twice.
#[tokio::test(flavor = "multi_thread")]
async fn promise_4_a_carriers_nat_with_a_thousand_people_is_refused_nothing() {
    let service = Service::start().await;
    for person in 0..1_000 {
        let email = format!("person{person}@example.com");
        let body = json!({ "email": email, "challenge_id": OWN_ID });
        let ask = async || {
            let asked = service.request_code_from(PERSON, body.clone()).await;
            assert_eq!(asked.status, 202, "person {person}: {}", asked.text);
        };
        ask().await;
        if person % 20 == 7 {
            ask().await;
        }
        if person % 20 == 3 {
            service.wait(60);
            ask().await;
        }
        if person % 20 > 2 {
            let code = service.ses.newest_mail_to(&email).code();
            let event = crate::harness::event::guess(&email, OWN_ID, &code);
            assert_eq!(service.verify_code_event(&event).await.status, 200);
        }
        service.wait(40);
    }
    assert_eq!(service.ses.calls(), 1_050);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_behind_the_callers_address_is_no_part_of_the_source() {
    let service = Service::start().await;
    for source_ip in ["203.0.113.7:443", "203.0.113.7:50000", "203.0.113.7"] {
        let body = json!({ "email": format!("kim{}@example.com", source_ip.len()) });
        assert_eq!(
            service.request_code_from(source_ip, body).await.status,
            202,
            "{source_ip}"
        );
    }
    assert_eq!(service.count("source/", "unverified").await, 3);
}

/// A phone that changes its network between a request and its retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_from_another_source_is_not_mailed_twice() {
    let service = Service::start().await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    assert_eq!(service.request_code_from(PERSON, body.clone()).await.status, 202);
    service.wait(10);
    let retry = service.request_code_from("203.0.113.8", body.clone()).await;
    assert_eq!((retry.status, retry.challenge_id().as_str()), (202, OWN_ID));
    assert_eq!(
        (&retry.body["expires_in"], &retry.body["resend_in"]),
        (&json!(590), &json!(50))
    );
    assert_eq!(service.ses.calls(), 1);
    service.wait(50);
    assert_eq!(service.request_code_from("203.0.113.8", body).await.status, 202);
    let mails = service.ses.mails();
    assert_eq!((mails.len(), mails[0].code()), (2, mails[1].code()));
    assert_eq!(service.count("mailbox/", "mails").await, 2);
}
