//! The link in the email: as good as the code, used up by its button alone, and sealed.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use verification::rules::link::LinkTarget;

use crate::harness::event::{event, follow, press};
use crate::harness::service::{KIM, OWN_ID, Service, config};

pub(crate) const ASK: (u16, &str) = (200, "Verify your email address");
pub(crate) const DONE: (u16, &str) = (200, "Email address verified");
const WRONG: (u16, &str) = (400, "This link does not work");
pub(crate) const EXPIRED: (u16, &str) = (410, "This link has expired");
const REPLACED: (u16, &str) = (410, "A newer email replaced this link");
pub(crate) const USED: (u16, &str) = (410, "This link no longer works");
const FAILED: (u16, &str) = (500, "Something went wrong");

/// Requests a code for Kim. Returns the challenge's id, the code, and the parameter of the link.
pub(crate) async fn mailed_link(service: &Service) -> (String, String, String) {
    let (id, code) = service.mailed_code().await;
    (id, code, service.ses.newest_mail().sealed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_that_follows_the_link_uses_nothing_up() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    let before = service.items().await;
    service.traffic.forget();
    for _ in 0..20 {
        assert_eq!(service.follow(&link).await.page(), ASK);
    }
    assert_eq!(service.traffic.calls(), 0);
    assert_eq!(service.items().await, before);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_the_masked_address_and_its_button_sends_the_link() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    let asked = service.follow(&link).await;
    let sent = format!(r#"<input type="hidden" name="link" value="{link}">"#);
    assert!(asked.text.contains(&sent), "{}", asked.text);
    for page in [asked, service.press(&link).await] {
        assert!(page.text.contains("k•••@example.com"), "{}", page.text);
    }
}

/// A page of another site gets the page with the button, and presses nothing.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_can_press_the_button() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.traffic.forget();
    for (site, page, calls) in [("cross-site", ASK, 0), ("same-origin", DONE, 2)] {
        let mut event = press(&format!("link={link}"));
        event["headers"]["sec-fetch-site"] = json!(site);
        assert_eq!(service.verify_code_event(&event).await.page(), page);
        assert_eq!(service.traffic.calls(), calls);
    }
}

/// Mail programs leave a dash or an underscore at the end out of the link.
#[tokio::test(flavor = "multi_thread")]
async fn no_link_ends_in_a_character_that_mail_programs_drop() {
    for _ in 0..100 {
        let service = Service::start().await;
        let (_, _, link) = mailed_link(&service).await;
        assert!(link.ends_with(|last: char| last.is_ascii_alphanumeric()), "{link}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_returns_to_the_app_with_the_proof() {
    let mut service = Service::start().await;
    service.return_to("com.example.app://verified").await;
    let (id, code, link) = mailed_link(&service).await;
    let asked = service.follow(&link).await;
    assert!(asked.text.contains("The app then opens"));
    assert!(asked.headers["content-security-policy"].contains("form-action 'self' com.example.app:;"));
    let pressed = service.press(&link).await;
    assert_eq!((pressed.status, pressed.text.as_str()), (303, ""));
    assert_eq!(pressed.headers["cache-control"], "no-store");
    let location = &pressed.headers["location"];
    let token = location
        .strip_prefix("com.example.app://verified#token=")
        .expect("the app");
    assert_eq!(service.verify_code(&id, &code).await.token().0, token);
    assert_eq!(&service.press(&link).await.headers["location"], location);
    assert_eq!(service.hand_in(&link).await.token().0, token);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_opens_the_link_itself_hands_it_in() {
    let mut config = config();
    config.shared.link = LinkTarget::App("https://app.example.com/verify".to_owned());
    let service = Service::start_with(config).await;
    let (id, _, link) = mailed_link(&service).await;
    let url = service.ses.newest_mail().link();
    assert_eq!(url, format!("https://app.example.com/verify?link={link}"));
    let response = service.hand_in(&link).await;
    let body = json!({ "email": KIM, "token": response.body["token"], "token_type": "JWT", "expires_in": 600 });
    assert_eq!((response.status, &response.body), (200, &body));
    assert_eq!(response.token().claims()["challenge_id"], id);
    assert_eq!(service.hand_in(&link).await.token(), response.token());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_dies_with_its_challenge() {
    let service = Service::start().await;
    let (id, _, link) = mailed_link(&service).await;
    for wrong in 0..5 {
        service.verify_code(&id, &format!("00000{wrong}")).await;
    }
    assert_eq!(service.press(&link).await.page(), USED, "its guesses are gone");

    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.wait(599);
    assert_eq!(service.follow(&link).await.page(), ASK);
    service.wait(1);
    assert_eq!(service.follow(&link).await.page(), EXPIRED);
    assert_eq!(service.press(&link).await.page(), EXPIRED);
    assert_eq!(service.hand_in(&link).await.problem(), "401 code-expired");
    service.expire("challenge/").await;
    assert_eq!(service.press(&link).await.page(), EXPIRED);
}

/// Links carry the code of their generation. One of an older generation is no guess at the newer.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_link_was_replaced_and_does_not_touch_the_challenge_that_was_opened_anew() {
    let service = Service::start().await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    service.request_code(body.clone()).await;
    let old = service.ses.newest_mail().sealed();
    for wrong in 0..5 {
        service.verify_code(OWN_ID, &format!("00000{wrong}")).await;
    }
    service.wait(60);
    service.request_code(body).await;
    let before = service.item("challenge/").await;
    assert_eq!(service.follow(&old).await.page(), ASK, "a GET makes no call");
    assert_eq!(service.press(&old).await.page(), REPLACED);
    assert_eq!(service.hand_in(&old).await.problem(), "401 code-expired");
    assert_eq!(service.item("challenge/").await, before);
    assert_eq!(service.press(&service.ses.newest_mail().sealed()).await.page(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resent_email_has_a_link_that_is_as_good() {
    let service = Service::start().await;
    let (id, _, first) = mailed_link(&service).await;
    service.wait(60);
    service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    let second = service.ses.newest_mail().sealed();
    assert_ne!(first, second);
    assert_eq!(service.press(&first).await.page(), DONE);
    assert_eq!(service.press(&second).await.page(), DONE, "a repeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_link_gets_its_page_and_writes_nothing() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.wait(60);
    let (_, _, other) = mailed_link(&service).await;
    let stranger = Service::start().await;
    stranger.secrets.rotate(stranger.now() - 86_400);
    stranger.wait(300);
    let (_, _, foreign) = mailed_link(&stranger).await;
    let half = link.len() / 2;
    service.traffic.forget();
    for wrong in [
        String::new(),
        link[..half].to_owned(),
        format!("{}{}", &link[..half], &other[half..]),
        format!("{link}="),
        link.to_lowercase(),
        "한국".to_owned(),
        "A".repeat(6_000),
        foreign,
        format!("{link}&link={other}"),
    ] {
        assert_eq!(service.follow(&wrong).await.page(), WRONG, "{wrong}");
        assert_eq!(service.press(&wrong).await.page(), WRONG, "{wrong}");
        assert_eq!(
            service.hand_in(&wrong).await.problem(),
            "400 malformed-request",
            "{wrong}"
        );
    }
    for no_link in ["", "link", "email=kim%40example.com", "LINK=a"] {
        assert_eq!(service.verify_code_event(&follow(no_link)).await.page(), WRONG);
        assert_eq!(service.verify_code_event(&press(no_link)).await.page(), WRONG);
    }
    assert_eq!(service.traffic.calls(), 0);
    assert_eq!(service.press(&link).await.page(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_has_at_most_8192_bytes() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    for (length, page) in [(8_193, WRONG), (8_192, DONE)] {
        let form = format!("link={link}&rest=");
        let form = format!("{form}{}", "a".repeat(length - form.len()));
        assert_eq!(service.verify_code_event(&press(&form)).await.page(), page, "{length}");
    }
}

/// One byte changed, inserted or removed, parts swapped, and anything else: 10,000 times.
#[test]
fn no_mutation_of_a_link_is_ever_more_than_wrong() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let service = runtime.block_on(Service::start());
    let (_, _, link) = runtime.block_on(mailed_link(&service));
    service.traffic.forget();
    let (length, original) = (link.len(), link.clone());
    let mutation = prop_oneof![
        (0..length, "[A-Za-z0-9_-]").prop_map({
            let link = link.clone();
            move |(at, new)| format!("{}{new}{}", &link[..at], &link[at + 1..])
        }),
        (0..length, "\\PC").prop_map({
            let link = link.clone();
            move |(at, new)| format!("{}{new}{}", &link[..at], &link[at..])
        }),
        (0..length, 1..8_usize).prop_map({
            let link = link.clone();
            move |(at, cut)| format!("{}{}", &link[..at], &link[(at + cut).min(length)..])
        }),
        (1..length).prop_map({
            let link = link.clone();
            move |at| format!("{}{}", &link[at..], &link[..at])
        }),
        any::<String>(),
        "[A-Za-z0-9_-]{0,400}",
    ];
    let mut runner = TestRunner::new(Config {
        cases: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    let ran = runner.run(&mutation, |mutated| {
        prop_assume!(mutated != original);
        let responses = runtime.block_on(async {
            let encoded = mutated
                .replace('%', "%25")
                .replace('&', "%26")
                .replace('+', "%2B")
                .replace('#', "%23");
            [
                service.follow(&encoded).await.status,
                service.press(&encoded).await.status,
                service.hand_in(&mutated).await.status,
            ]
        });
        prop_assert_eq!(responses, [400; 3]);
        Ok(())
    });
    ran.expect("no mutation that is more than wrong");
    assert_eq!(service.traffic.calls(), 0);
    assert_eq!(runtime.block_on(service.press(&link)).page(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_address_nor_code_nor_id_can_be_read_from_the_link() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    let bytes = data_encoding::BASE64URL_NOPAD
        .decode(link.as_bytes())
        .expect("base64url");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    for part in [KIM, "kim", "example", &code, &id] {
        assert!(!text.contains(part) && !link.contains(part), "{part}");
    }
    let id = id.replace('-', "");
    assert!(!data_encoding::HEXLOWER.encode(&bytes).contains(&id), "as bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_of_the_link_is_the_domain_of_the_context() {
    let service = Service::start().await;
    let mut event = event("/request-code", json!({ "email": KIM }).to_string().as_bytes());
    for header in ["host", "x-forwarded-host", "origin", "referer"] {
        event["headers"][header] = json!("evil.example.net");
    }
    event["rawQueryString"] = json!("host=evil.example.net");
    service.request_code_event(&event).await;
    let link = service.ses.newest_mail().link();
    assert!(
        link.starts_with("https://abc123.execute-api.ap-northeast-2.amazonaws.com/verify?link="),
        "{link}"
    );

    let mut config = config();
    config.shared.api_url.0 = Some("https://verify.example.com".to_owned());
    let service = Service::start_with(config).await;
    service.request_code_event(&event).await;
    assert!(
        service
            .ses
            .newest_mail()
            .link()
            .starts_with("https://verify.example.com/verify?link=")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_links_the_email_has_none_and_the_routes_are_not_there() {
    let with_links = Service::start().await;
    let (_, _, link) = mailed_link(&with_links).await;
    let mut config = config();
    config.shared.link = LinkTarget::Off;
    let service = Service::start_with(config).await;
    service.mailed_code().await;
    let mail = service.ses.newest_mail();
    assert!(
        !mail.html().contains("href") && !mail.text().contains("http"),
        "{}",
        mail.text()
    );
    service.traffic.forget();
    assert_eq!(service.follow(&link).await.page(), (404, WRONG.1));
    assert_eq!(service.press(&link).await.page(), (404, WRONG.1));
    let handed_in = service.hand_in(&link).await;
    assert_eq!(handed_in.problem(), "400 malformed-request");
    assert_eq!(handed_in.body["detail"], "email is missing; it must be a string");
    assert_eq!(service.traffic.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_survives_rotations_as_its_code_does() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.secrets.rotate(service.now());
    service.wait(300);
    assert_eq!(service.follow(&link).await.page(), ASK);
    assert_eq!(service.press(&link).await.page(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_fails_gets_a_page_and_the_link_still_works() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.traffic.lose(3);
    assert_eq!(service.press(&link).await.page(), FAILED);
    assert_eq!(service.press(&link).await.page(), DONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_in_the_language_of_the_email_and_a_wrong_links_in_the_browsers() {
    let service = Service::start().await;
    for (locale, title) in [
        ("ko", "이메일 주소 인증"),
        ("ja", "メールアドレスの認証"),
        ("en", ASK.1),
    ] {
        let body = json!({ "email": format!("{locale}@example.com"), "locale": locale });
        service.request_code(body).await;
        let mut event = follow(&format!("link={}", service.ses.newest_mail().sealed()));
        event["headers"]["accept-language"] = json!("en");
        let page = service.verify_code_event(&event).await;
        assert_eq!(page.page(), (200, title));
        assert!(page.text.contains(&format!("lang=\"{locale}\"")));
    }
    let mut event = follow("link=wrong");
    event["headers"]["accept-language"] = json!("ko-KR,ko;q=0.9");
    assert_eq!(
        service.verify_code_event(&event).await.page(),
        (400, "사용할 수 없는 링크입니다")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_closed_to_frames_scripts_caches_and_search_engines() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    for response in [
        service.follow(&link).await,
        service.press(&link).await,
        service.follow("a").await,
    ] {
        let policy = &response.headers["content-security-policy"];
        for part in [
            "default-src 'none'",
            "style-src 'sha256-",
            "form-action 'self';",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        for (name, value) in [
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
        ] {
            assert_eq!(response.headers[name], value);
        }
        assert!(!response.text.contains("<script") && !response.text.contains("style="));
        assert!(!response.text.contains(KIM), "masked: {}", response.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_is_refused() {
    let service = Service::start().await;
    for method in ["PUT", "DELETE", "OPTIONS", "HEAD"] {
        let mut event = follow("link=a");
        event["requestContext"]["http"]["method"] = json!(method);
        let response = service.verify_code_event(&event).await;
        assert_eq!(response.problem(), "405 about:blank");
        assert_eq!(response.headers["allow"], "GET, POST");
    }
}
