//! The proof and the keys that check it.

use serde_json::json;

use crate::harness::event::{self, guess};
use crate::harness::response::Token;
use crate::harness::service::{KIM, OWN_ID, START, Service};

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_says_who_proved_what_to_whom_and_until_when() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(30);
    let token = service.verify_code(&id, &code).await.token();
    let claims = json!({
        "iss": "https://abc123.execute-api.ap-northeast-2.amazonaws.com",
        "aud": "api.example.com",
        "sub": KIM,
        "email": KIM,
        "email_verified": true,
        "challenge_id": id,
        "purpose": "sign-up",
        "jti": token.claims()["jti"],
        "iat": START + 30,
        "exp": START + 630,
    });
    assert_eq!(token.claims(), claims);
    let header = json!({ "typ": "JWT", "alg": "ES256", "kid": token.key_id() });
    assert_eq!(token.header(), header);
}

/// A backend that keeps the ids of proofs refuses one that it has seen.
#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_an_app_uses_again_gets_a_proof_of_its_own() {
    let service = Service::start().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        let code = service.ses.newest_mail().code();
        let claims = service.verify_code(OWN_ID, &code).await.token().claims();
        assert_eq!(claims["challenge_id"], OWN_ID);
        ids.push(claims["jti"].clone());
        service.wait(24 * 3_600);
        service.expire("challenge/").await;
    }
    assert_ne!(ids[0], ids[1]);
    for (email, id) in [
        ("lee@example.com", OWN_ID),
        (KIM, "0b9f6f5e-7c1d-4f7e-8a8e-2f4b1c9d0e11"),
    ] {
        service
            .request_code(json!({ "email": email, "challenge_id": id }))
            .await;
        let code = service.ses.newest_mail().code();
        let claims = service
            .verify_code_event(&guess(email, id, &code))
            .await
            .token()
            .claims();
        assert!(!ids.contains(&claims["jti"]));
        ids.push(claims["jti"].clone());
        service.wait(60);
    }
}

/// Pins the token that the tests' secret makes at the tests' time. Every backend would notice a change here.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_stays_as_it_is_byte_for_byte() {
    let service = Service::start().await;
    service.request_pinned_code().await;
    let code = service.ses.newest_mail().code();
    service.wait(67);
    let Token(token) = service.verify_code(OWN_ID, &code).await.token();
    assert_eq!(
        token,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiIsImtpZCI6IjRodTJQRVVuYllJdjdBclpKVVJYMTBMOE5OTl9wMU5S\
         Q3ExUXRUV0ptazgifQ.eyJpc3MiOiJodHRwczovL2FiYzEyMy5leGVjdXRlLWFwaS5hcC1ub3J0aGVhc3QtMi5hb\
         WF6b25hd3MuY29tIiwiYXVkIjoiYXBpLmV4YW1wbGUuY29tIiwic3ViIjoia2ltQGV4YW1wbGUuY29tIiwiZW1ha\
         WwiOiJraW1AZXhhbXBsZS5jb20iLCJlbWFpbF92ZXJpZmllZCI6dHJ1ZSwiY2hhbGxlbmdlX2lkIjoiN2Y0ZGYyY\
         TEtNmYwYi00YzFjLTlhNTEtM2E0YTBjMWIyZDNlIiwicHVycG9zZSI6InNpZ24tdXAiLCJqdGkiOiJmOVBGUElLc\
         nVIUTV4Tl9Jd1VEVjdxZ0RFdUlHVGRKdUthV2xOb0pFN0N3IiwiaWF0IjoxODAwMDE0NDY3LCJleHAiOjE4MDAwM\
         TUwNjd9.UPgP-Dx_n2oFF0D6Z5scPLbPp6C4hwUZhclbApxiWx11M6BPgM1pz4qJI2RbR1nSl0S6rWqYQvsMIbOk\
         5WOlag"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_set_holds_the_key_of_the_proof_and_may_be_kept() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let token = service.verify_code(&id, &code).await.token();
    service.traffic.forget();
    let response = service.key_set().await;
    assert_eq!((response.status, response.key_ids()), (200, vec![token.key_id()]));
    assert!(token.is_signed_by(&response));
    assert_eq!(response.headers["content-type"], "application/jwk-set+json");
    assert_eq!(response.headers["cache-control"], "public, max-age=300");
    assert_eq!(service.traffic.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_set_answers_behind_the_stage_of_an_api_as_well() {
    let service = Service::start().await;
    let mut event = event::read("verify-code-jwks");
    event["rawPath"] = json!("/auth/.well-known/jwks.json");
    assert_eq!(service.verify_code_event(&event).await.status, 200);
    event["requestContext"]["stage"] = json!("v1");
    assert_eq!(service.verify_code_event(&event).await.status, 200);
}

/// What a library needs that is told the issuer's URL alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_discovery_leads_from_the_issuer_to_its_keys() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let claims = service.verify_code(&id, &code).await.token().claims();
    service.traffic.forget();
    let found = service.verify_code_event(&event::read("verify-code-discovery")).await;
    let issuer = claims["iss"].as_str().expect("an issuer");
    let expected = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    assert_eq!((found.status, &found.body), (200, &expected));
    assert_eq!(service.traffic.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_is_what_api_gateway_says_and_never_what_the_caller_does() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let mut event = guess(KIM, &id, &code);
    for header in ["host", "x-forwarded-host", "forwarded"] {
        event["headers"][header] = json!("evil.example.com");
    }
    event["requestContext"]["domainName"] = json!("verify.example.com");
    let claims = service.verify_code_event(&event).await.token().claims();
    assert_eq!(claims["iss"], "https://verify.example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_domain_no_guess_is_spent() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.traffic.forget();
    let mut event = guess(KIM, &id, &code);
    event["requestContext"]["domainName"].take();
    assert_eq!(service.verify_code_event(&event).await.problem(), "500 internal-error");
    assert_eq!(service.traffic.calls(), 0);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_or_challenge_never_gets_the_proof() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
    for (email, id) in [("lee@example.com", id.as_str()), (KIM, OWN_ID)] {
        let response = service.verify_code_event(&guess(email, id, &code)).await;
        assert_eq!(response.problem(), "401 code-expired");
    }
}

/// Outside a rotation each submitted code takes one DynamoDB call, the first right one of a challenge a second one, and
/// everything else none.
#[tokio::test(flavor = "multi_thread")]
async fn each_outcome_takes_exactly_one_call_and_the_first_right_code_a_second() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let wrong = ["000001", "000002", "000003", "000004", "000005"];
    let (spent, its_code) = {
        let asked = service.request_code(json!({ "email": "lee@example.com" })).await;
        (asked.challenge_id(), service.ses.mails()[1].code())
    };
    let expect = async |email: &str, id: &str, code: &str, outcome: &str, calls: usize| {
        service.traffic.forget();
        let response = service.verify_code_event(&guess(email, id, code)).await;
        let found = if response.status == 200 {
            "200".to_owned()
        } else {
            response.problem()
        };
        assert_eq!((found.as_str(), service.traffic.calls()), (outcome, calls));
    };
    expect(KIM, &id, "000001", "401 invalid-code", 1).await;
    expect(KIM, &id, "000001", "401 invalid-code", 1).await;
    // The second call gives the request back to its source.
    expect(KIM, &id, &code, "200", 2).await;
    expect(KIM, &id, &code, "200", 1).await;
    expect(KIM, &id, "000002", "401 code-expired", 1).await;
    for guess in wrong {
        expect("lee@example.com", &spent, guess, "401 invalid-code", 1).await;
    }
    expect("lee@example.com", &spent, &its_code, "401 code-expired", 1).await;
    expect("lee@example.com", &spent, "000005", "401 invalid-code", 1).await;
    expect(KIM, OWN_ID, "000001", "401 code-expired", 1).await;
    expect(KIM, "1", "000001", "400 malformed-request", 0).await;
    expect(KIM, &id, "1", "400 malformed-code", 0).await;
    expect("kim", &id, &code, "422 invalid-email", 0).await;
    service.wait(61);
    expect(KIM, &id, &code, "401 code-expired", 1).await;
    service.wait(600);
    expect("lee@example.com", &spent, &its_code, "401 code-expired", 1).await;
}
