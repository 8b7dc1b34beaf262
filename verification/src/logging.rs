//! What may reach a log: this service's own lines, which contain no address, code, digest, token or body.
//!
//! The AWS SDK and the Lambda runtime log whole requests at their finer levels. Their lines and spans are dropped at every level.

use std::io;
use std::process::ExitCode;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

const OWN_CRATES: [&str; 3] = ["request_code", "verification", "verify_code"];

/// Starts logging to standard output, as Lambda's `AWS_LAMBDA_LOG_FORMAT` (`JSON` or text) and `AWS_LAMBDA_LOG_LEVEL`
/// (`INFO` if unset) say.
pub fn init() {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let level = variable("AWS_LAMBDA_LOG_LEVEL").parse().unwrap_or(Level::INFO);
    let json = variable("AWS_LAMBDA_LOG_FORMAT").eq_ignore_ascii_case("json");
    subscriber(json, level, io::stdout).init();
    // The message of a panic may quote the data at hand. Where it happened is enough to find it.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "a panic");
    }));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
}

/// Ends a function. Its error, if there is one, goes to the log.
pub fn exit_code(outcome: Result<(), lambda_runtime::Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the function cannot run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The subscriber that [`init`] starts, writing to `writer`.
pub fn subscriber<W>(json: bool, level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = if json {
        Box::new(lines.json().flatten_event(true).with_span_list(false))
    } else {
        Box::new(lines)
    };
    // The hint spares the SDK's many finer lines a look at their names.
    let filter = filter_fn(move |metadata| is_kept(metadata, level)).with_max_level_hint(level);
    tracing_subscriber::registry().with(lines.with_filter(filter))
}

fn is_kept(metadata: &Metadata, level: Level) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= level && OWN_CRATES.contains(&crate_name)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("the lines").extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `work` logs down to `level`.
    pub(crate) fn logged(json: bool, level: Level, work: impl FnOnce()) -> String {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let writer = Arc::clone(&lines);
        let subscriber = subscriber(json, level, move || Lines(Arc::clone(&writer)));
        tracing::subscriber::with_default(subscriber, work);
        let lines = lines.lock().expect("the lines").clone();
        String::from_utf8(lines).expect("UTF-8")
    }

    #[test]
    fn only_the_services_own_lines_are_kept_down_to_the_level() {
        for json in [true, false] {
            let lines = logged(json, Level::INFO, || {
                tracing::error!(target: "request_code", "line 1");
                tracing::info!(target: "verify_code::judge", "line 2");
                tracing::info!(target: "verification::aws::table", "line 3");
                tracing::debug!(target: "verification", "line 4");
                tracing::error!(target: "verifications", "line 5");
                tracing::error!(target: "aws_smithy_runtime::client", "line 6");
                tracing::error!(target: "lambda_runtime", "line 7");
            });
            for number in 1..=7 {
                assert_eq!(
                    lines.contains(&format!("line {number}")),
                    number <= 3,
                    "{number}: {lines}"
                );
            }
        }
    }

    #[test]
    fn a_line_has_its_own_span_and_nothing_of_others() {
        for json in [true, false] {
            let lines = logged(json, Level::INFO, || {
                let own = tracing::info_span!(target: "verification::http", "request", requestId = "r-1");
                let call = tracing::info_span!(target: "aws_sdk_sesv2", "SendEmail", to = "kim");
                own.in_scope(|| call.in_scope(|| tracing::info!(target: "request_code", "a line")));
            });
            assert!(lines.contains("a line") && lines.contains("r-1"), "{lines}");
            assert!(!lines.contains("SendEmail") && !lines.contains("kim"), "{lines}");
        }
    }

    #[test]
    fn a_function_that_cannot_run_fails() {
        assert_eq!(exit_code(Ok(())), ExitCode::SUCCESS);
        assert_eq!(exit_code(Err("no secret".into())), ExitCode::FAILURE);
    }
}
