//! The log of the whole test run, at its finest level.

use std::io;
use std::sync::{LazyLock, Mutex, Once};

use tracing::Level;
use verification::logging;

static LOG: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(Mutex::default);

/// Starts to record what a function in Lambda would log.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = logging::subscriber(true, Level::TRACE, || Writer);
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
    });
}

pub(crate) fn text() -> String {
    String::from_utf8(LOG.lock().expect("the log").clone()).expect("UTF-8")
}

/// How long the log is.
pub(crate) fn length() -> usize {
    LOG.lock().expect("the log").len()
}

/// What was logged since it was so long.
pub(crate) fn since(length: usize) -> String {
    String::from_utf8_lossy(&LOG.lock().expect("the log")[length..]).into_owned()
}

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LOG.lock().expect("the log").extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
