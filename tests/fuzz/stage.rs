//! The service that an input is played to. It is as good as new for each, so that an input does the same each time.

use std::cell::RefCell;

use tokio::runtime::{Builder, Runtime};
use tracing::{Dispatch, dispatcher};

use crate::harness::log::Log;
use crate::harness::service::Service;

thread_local! {
    static STAGE: Stage = Stage::new();
}

struct Stage {
    runtime: Runtime,
    /// Keeps this thread's log apart from that of the other tests.
    dispatch: Dispatch,
    log: Log,
    service: RefCell<Option<Service>>,
}

/// Plays an input to a service that is prepared so. Returns what was logged meanwhile.
///
/// A service that was not touched meanwhile serves the next input as well: starting one takes longer than most
/// inputs.
pub(super) fn play(prepare: impl AsyncFnOnce(&Service), input: impl AsyncFnOnce(&Service)) -> String {
    STAGE.with(|stage| {
        let playing = async {
            let kept = stage.service.take();
            let service = if let Some(service) = kept {
                service
            } else {
                let service = Service::start().await;
                prepare(&service).await;
                service
            };
            stage.log.take();
            let before = (service.world.journal().next(), service.now());
            input(&service).await;
            let is_untouched = before == (service.world.journal().next(), service.now());
            if is_untouched && service.script.is_empty() {
                stage.service.replace(Some(service));
            }
        };
        dispatcher::with_default(&stage.dispatch, || stage.runtime.block_on(playing));
        stage.log.take()
    })
}

impl Stage {
    fn new() -> Self {
        let log = Log::default();
        let mut runtime = Builder::new_current_thread();
        Self {
            runtime: runtime.enable_time().start_paused(true).build().expect("a runtime"),
            dispatch: Dispatch::new(log.subscriber()),
            log,
            service: RefCell::default(),
        }
    }
}
