//! Both functions in a world of their own, at a time that the test sets.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use rand::TryCryptoRng;
use rand::rngs::SysRng;
use request_code::RequestCode;
use serde_json::{Value, json};
use time::UtcDateTime;
use verification::config::RequestCodeConfig;
use verification::rules::mail_id::MailId;
use verify_code::VerifyCode;

use super::constant::Constant;
use super::contract;
use super::event::{self, event, guess};
use super::instance::{self, Instance, Tries, Way};
use super::items;
use super::log;
use super::response::Response;
use super::secrets_manager::SecretsManager;
use super::ses::Ses;
pub(crate) use super::settings::config;
use super::settings::verify_code_config;
use super::traffic::Traffic;
use super::world::World;
use super::world::call::of_request;
use super::world::script::Script;

/// When every test begins: noon UTC of 2027-01-15, far from the end of an hour or a day.
pub(crate) const START: i64 = 1_800_014_400;
/// The address that the tests request codes for, unless they need several.
pub(crate) const KIM: &str = "kim@example.com";
/// An id that an app made up.
pub(crate) const OWN_ID: &str = "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e";

pub(crate) struct Service {
    pub(crate) world: World,
    /// What goes wrong in the world.
    pub(crate) script: Script,
    pub(crate) ses: Ses,
    pub(crate) secrets: SecretsManager,
    pub(crate) traffic: Traffic,
    /// A client as the functions have one.
    pub(crate) dynamodb: Client,
    config: RequestCodeConfig,
    request_code: Instance<RequestCode>,
    verify_code: Instance<VerifyCode>,
    now: AtomicI64,
    /// How many requests there were.
    requests: AtomicUsize,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(mut config: RequestCodeConfig) -> Self {
        log::record();
        // Each test has a table of its own, also where the engine is shared.
        let table = MailId::draw(&mut SysRng).expect("randomness").to_string();
        config.shared.table_name.clone_from(&table);
        let world = World::start();
        let dynamodb = instance::dynamodb(&world);
        items::create_table(&dynamodb, &table).await;
        let start = time_of(START);
        Self {
            request_code: punctual(instance::request_code(&world, &config, Way::Memory, start).await),
            verify_code: punctual(instance::verify_code(&world, verify_code_config(&config), start).await),
            script: world.script().clone(),
            ses: world.ses(),
            secrets: world.secrets(),
            traffic: Traffic::new(&world),
            world,
            dynamodb,
            config,
            now: START.into(),
            requests: 0.into(),
        }
    }

    /// Another instance of request-code, which starts now. Its clock is so many seconds fast.
    pub(crate) async fn start_request_code(&self, fast_by: i64) -> Instance<RequestCode> {
        let now = time_of(self.now() + fast_by);
        let function = instance::request_code(&self.world, &self.config, Way::Memory, now).await;
        Instance { function, fast_by }
    }

    /// Another instance of verify-code, which starts now.
    pub(crate) async fn start_verify_code(&self) -> Instance<VerifyCode> {
        self.start_fast_verify_code(0).await
    }

    /// Another instance of verify-code, which starts now. Its clock is so many seconds fast.
    pub(crate) async fn start_fast_verify_code(&self, fast_by: i64) -> Instance<VerifyCode> {
        let now = time_of(self.now() + fast_by);
        let function = instance::verify_code(&self.world, verify_code_config(&self.config), now).await;
        Instance { function, fast_by }
    }

    /// Replaces the running instance of request-code by one that starts now.
    pub(crate) async fn restart_request_code(&mut self) {
        self.request_code = self.start_request_code(0).await;
    }

    /// Replaces the running instance of request-code by one with another limit on sources.
    pub(crate) async fn limit_sources(&mut self, unverified: Option<u32>) {
        self.config.limits.unverified_per_source = unverified;
        self.restart_request_code().await;
    }

    /// Replaces the running instance of request-code by one that reaches SES by a real connection to another URL. Returns
    /// the count of its tries.
    pub(crate) async fn move_ses(&mut self, url: &str) -> Tries {
        let tries = Tries::default();
        let function = instance::request_code(&self.world, &self.config, Way::Socket(url, &tries), self.time());
        self.request_code = punctual(function.await);
        tries
    }

    /// Sends the browsers of those who verify their address to this URL.
    pub(crate) async fn return_to(&mut self, url: &str) {
        let mut config = verify_code_config(&self.config);
        config.app_return_url = Some(url.to_owned());
        self.verify_code = punctual(instance::verify_code(&self.world, config, self.time()).await);
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn time(&self) -> UtcDateTime {
        time_of(self.now())
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Moves the clock to this second, in epoch seconds.
    pub(crate) fn move_to(&self, now: i64) {
        self.now.store(now, Ordering::SeqCst);
    }

    /// Moves the clock to `seconds` before the next UTC day.
    pub(crate) fn wait_until_before_midnight(&self, seconds: i64) {
        let day = 24 * 3_600;
        self.now.store((self.now() / day + 1) * day - seconds, Ordering::SeqCst);
    }

    pub(crate) async fn request_code(&self, body: Value) -> Response {
        self.request_code_event(&event("/request-code", body.to_string().as_bytes()))
            .await
    }

    /// Requests a code from another source than the usual one.
    pub(crate) async fn request_code_from(&self, source_ip: &str, body: Value) -> Response {
        let event = event("/request-code", body.to_string().as_bytes());
        self.request_code_event(&event::with_source(source_ip, event)).await
    }

    pub(crate) async fn request_code_event(&self, event: &Value) -> Response {
        self.request_code_by(&self.request_code, event).await
    }

    /// Requests the code that the files of `events/` and the pinned token are about: the email's id is always the same.
    pub(crate) async fn request_pinned_code(&self) -> Response {
        let event = event::read("request-code-own-id");
        self.request_code_drawing(&self.request_code, &event, &mut Constant::byte(7))
            .await
    }

    /// The response of one instance of request-code.
    pub(crate) async fn request_code_by(&self, instance: &Instance<RequestCode>, event: &Value) -> Response {
        self.request_code_drawing(instance, event, &mut SysRng).await
    }

    /// The response of one instance of request-code, which draws its ids from this generator.
    pub(crate) async fn request_code_drawing(
        &self,
        instance: &Instance<RequestCode>,
        event: &Value,
        generator: &mut (impl TryCryptoRng + Send),
    ) -> Response {
        let request = event::request(event);
        let now = time_of(self.now() + instance.fast_by);
        let handling = instance.function.handle(&request, now, generator);
        let response = Response::read(&of_request(self.next_request(), handling).await);
        contract::check(event, &response);
        response
    }

    pub(crate) async fn verify_code(&self, id: &str, code: &str) -> Response {
        self.verify_code_event(&guess(KIM, id, code)).await
    }

    pub(crate) async fn verify_code_event(&self, event: &Value) -> Response {
        self.verify_code_by(&self.verify_code, event).await
    }

    /// The response of one instance of verify-code.
    pub(crate) async fn verify_code_by(&self, instance: &Instance<VerifyCode>, event: &Value) -> Response {
        let request = event::request(event);
        let now = time_of(self.now() + instance.fast_by);
        let handling = instance.function.handle(&request, now);
        let response = Response::read(&of_request(self.next_request(), handling).await);
        contract::check(event, &response);
        response
    }

    /// The response of whichever function the event is for, at an instance whose clock is so many seconds fast. The email's id
    /// is this number.
    pub(crate) async fn handle_at(&self, fast_by: i64, event: &Value, mail: usize) -> Response {
        let number = self.next_request();
        if event["undelivered"].is_object() {
            let undelivered = event::read_undelivered(event);
            let noting = self.request_code.function.undelivered(&undelivered);
            let is_noted = of_request(number, noting).await.is_ok();
            return Response::empty(if is_noted { 204 } else { 500 });
        }
        let (request, now) = (event::request(event), time_of(self.now() + fast_by));
        let response = if event["rawPath"] == "/request-code" {
            let mut generator = Constant::number(mail);
            let handling = self.request_code.function.handle(&request, now, &mut generator);
            of_request(number, handling).await
        } else {
            of_request(number, self.verify_code.function.handle(&request, now)).await
        };
        Response::read(&response)
    }

    /// Tells request-code that an email did not arrive.
    pub(crate) async fn bounce(&self, event: &Value) {
        let response = self.handle_at(0, event, 0).await;
        assert_eq!(response.status, 204);
    }

    /// Forgets all that was done, so that a new world can begin on the same clients, which take a while to make.
    pub(crate) async fn forget(&self) {
        self.world.forget(self.table_name()).await;
        self.requests.store(0, Ordering::SeqCst);
        self.move_to(START);
    }

    /// Follows the link with this parameter, as a browser or a scanner does.
    pub(crate) async fn follow(&self, sealed: &str) -> Response {
        self.verify_code_event(&event::follow(&format!("link={sealed}"))).await
    }

    /// Presses the button of the page behind the link.
    pub(crate) async fn press(&self, sealed: &str) -> Response {
        self.verify_code_event(&event::press(&format!("link={sealed}"))).await
    }

    /// Hands the link in, as an app does that opened it itself.
    pub(crate) async fn hand_in(&self, sealed: &str) -> Response {
        let body = json!({ "link": sealed }).to_string();
        self.verify_code_event(&event("/verify-code", body.as_bytes())).await
    }

    /// The key set as the function returns it.
    pub(crate) async fn key_set(&self) -> Response {
        self.key_set_by(&self.verify_code).await
    }

    /// The key set as one instance of the function returns it.
    pub(crate) async fn key_set_by(&self, instance: &Instance<VerifyCode>) -> Response {
        self.verify_code_by(instance, &event::read("verify-code-jwks")).await
    }

    /// Requests a code for Kim. Returns the challenge's id and the code that was mailed.
    pub(crate) async fn mailed_code(&self) -> (String, String) {
        let response = self.request_code(json!({ "email": KIM })).await;
        assert_eq!(response.status, 202, "{}", response.text);
        (response.challenge_id(), self.ses.newest_mail().code())
    }

    /// The names of the calls that the last request made, such as `SendEmail`, in their order.
    pub(crate) fn last_calls(&self) -> Vec<String> {
        self.world.journal().calls_of(self.requests.load(Ordering::SeqCst))
    }

    pub(crate) fn table_name(&self) -> &str {
        &self.config.shared.table_name
    }

    /// The number of a request that begins.
    fn next_request(&self) -> usize {
        self.requests.fetch_add(1, Ordering::SeqCst) + 1
    }
}

fn punctual<F>(function: F) -> Instance<F> {
    Instance { function, fast_by: 0 }
}

fn time_of(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).expect("a time")
}
