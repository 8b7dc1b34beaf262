//! A log at its finest level, as a function in Lambda would write it.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, Once};

use tracing::{Level, Subscriber};
use verification::logging;

/// That of the whole test run.
static LOG: LazyLock<Log> = LazyLock::new(Log::default);

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

/// Starts to record what is logged.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(LOG.subscriber()).expect("no other subscriber");
    });
}

pub(crate) fn text() -> String {
    since(0)
}

/// How long the log is.
pub(crate) fn length() -> usize {
    LOG.0.lock().expect("the log").len()
}

/// What was logged since it was so long.
pub(crate) fn since(length: usize) -> String {
    String::from_utf8(LOG.0.lock().expect("the log")[length..].to_vec()).expect("UTF-8")
}

impl Log {
    pub(crate) fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        let log = self.clone();
        logging::subscriber(true, Level::TRACE, move || log.clone())
    }

    /// Takes out what was logged.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().expect("the log"))).expect("UTF-8")
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("the log").write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
