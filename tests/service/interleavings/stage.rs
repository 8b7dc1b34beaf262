//! The service in which worlds are played, one after the other.

use std::sync::Arc;

use super::cast::{Circumstance, Scene};
use super::lot::Lot;
use super::seeded::Seeded;
use crate::harness::service::{Service, config};

/// How many worlds share a service. The SDK's clients are made once for them, and their budget of retries has to last.
const WORLDS_PER_SERVICE: usize = 16;

#[derive(Default)]
pub(super) struct Stage {
    /// One for each set-up that is in use, and how often it was used.
    services: [Option<(Arc<Service>, usize)>; 4],
    seeded: Option<Seeded>,
    /// How many emails were numbered so far.
    mails: usize,
}

impl Stage {
    pub(super) fn with(seeded: Seeded) -> Self {
        Self {
            seeded: Some(seeded),
            ..Self::default()
        }
    }

    /// A service at the beginning of a scene.
    pub(super) async fn set(&mut self, scene: &Scene) -> (Arc<Service>, Arc<Lot>) {
        let service = if scene.is(Circumstance::Rotation) {
            // A kept one may have read a new version already.
            Arc::new(start(scene).await)
        } else {
            self.reuse(scene).await
        };
        if scene.is(Circumstance::Midnight) {
            service.wait_until_before_midnight(30);
        }
        if scene.is(Circumstance::Rotation) {
            // Late enough for the instances to read the secret anew. A version is in force 15 minutes after it was made.
            service.wait(if scene.is(Circumstance::Midnight) { 0 } else { 15 * 60 });
            service.secrets.rotate(service.now() + 30 - 15 * 60);
        }
        let lot = Arc::new(Lot::new(self.seeded));
        service.world.direct_by(Arc::<Lot>::clone(&lot));
        (service, lot)
    }

    async fn reuse(&mut self, scene: &Scene) -> Arc<Service> {
        let set_up = 2 * usize::from(scene.is(Circumstance::Tight)) + usize::from(scene.is(Circumstance::TwoGuesses));
        let kept = &mut self.services[set_up];
        let (service, used) = match kept.take().filter(|(_, used)| *used < WORLDS_PER_SERVICE) {
            Some((service, used)) => (service, used + 1),
            None => (Arc::new(start(scene).await), 1),
        };
        service.forget().await;
        *kept = Some((Arc::clone(&service), used));
        service
    }

    /// The number of the first of so many emails.
    pub(super) fn next_mails(&mut self, mails: usize) -> usize {
        self.mails += mails;
        self.mails - mails
    }
}

async fn start(scene: &Scene) -> Service {
    let mut config = config();
    config.shared.max_guesses = scene.max_guesses();
    config.limits = scene.limits();
    let service = Service::start_with(config).await;
    service.world.skip_backoffs();
    service
}
