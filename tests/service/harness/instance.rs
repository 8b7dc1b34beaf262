//! One running instance of a function: its own clients and keys, and a clock that may be off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::retry::RetryPartition;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents, SharedAsyncSleep,
    SharedCredentialsProvider,
};
use aws_sdk_dynamodb::error::BoxError;
use request_code::RequestCode;
use time::UtcDateTime;
use verification::aws::client::{self, SES_TIME_LIMIT, SdkConfig};
use verification::aws::mailer::Mailer;
use verification::aws::secret::Secret;
use verification::aws::table::Table;
use verification::config::{RequestCodeConfig, VerifyCodeConfig};
use verify_code::VerifyCode;

use super::world::World;

pub(crate) struct Instance<F> {
    pub(super) function: F,
    /// By how many seconds its clock is fast.
    pub(super) fast_by: i64,
}

/// How an instance reaches SES.
pub(super) enum Way<'a> {
    Memory,
    /// By a real connection to this URL. Each try is counted.
    Socket(&'a str, &'a Tries),
}

/// How often a call was tried, whatever came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tries(Arc<AtomicUsize>);

impl Tries {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Intercept for Tries {
    fn name(&self) -> &'static str {
        "Tries"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

pub(super) async fn request_code(
    world: &World,
    config: &RequestCodeConfig,
    way: Way<'_>,
    now: UtcDateTime,
) -> RequestCode {
    let ses = match way {
        Way::Memory => client::ses(&sdk_config(world), SES_TIME_LIMIT),
        Way::Socket(url, tries) => {
            let config = anywhere().into_builder().http_client(client::http_client());
            let config = config.endpoint_url(url).build();
            let ses = client::ses(&config, Duration::from_secs(2));
            let config = ses.config().to_builder().interceptor(tries.clone());
            aws_sdk_sesv2::Client::from_conf(config.build())
        }
    };
    let mailer = Mailer::new(ses, &config.mailer, &config.shared.brand.name).expect("a usable sender");
    let table = Table::new(dynamodb(world), config.shared.table_name.clone());
    RequestCode::new(config.clone(), secret(world, now).await, table, mailer, now)
}

pub(super) async fn verify_code(world: &World, config: VerifyCodeConfig, now: UtcDateTime) -> VerifyCode {
    let table = Table::new(dynamodb(world), config.shared.table_name.clone());
    VerifyCode::new(config, secret(world, now).await, table, now)
}

/// The client that an instance has. Its retries are its own: the SDK allows all clients of a process so many together, and the
/// tests are one process.
pub(super) fn dynamodb(world: &World) -> Client {
    let client = client::dynamodb(&sdk_config(world));
    let retries = RetryPartition::custom("an instance").build();
    Client::from_conf(client.config().to_builder().retry_partition(retries).build())
}

async fn secret(world: &World, now: UtcDateTime) -> Secret {
    let client = client::secrets_manager(&sdk_config(world));
    let retries = RetryPartition::custom("an instance").build();
    let config = client.config().to_builder().retry_partition(retries).build();
    let client = aws_sdk_secretsmanager::Client::from_conf(config);
    let secret = Secret::read(client, "secret".to_owned(), now);
    secret.await.expect("a usable secret")
}

fn sdk_config(world: &World) -> SdkConfig {
    let config = anywhere().into_builder().http_client(world.clone());
    config.sleep_impl(SharedAsyncSleep::new(world.clone())).build()
}

/// What every client needs, wherever it finds its service.
pub(crate) fn anywhere() -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new("ap-northeast-2"))
        .build()
}
