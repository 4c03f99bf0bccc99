//! Effects of parameters and services: new link options, queue bounds, and the static transform.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::Error;
use super::services::{Links, Reconnect};
use super::static_transform::StaticTransform;
use crate::config::Config;
use crate::config::resolve::{ResolvedConfig, Resolver};
use crate::connection::options::LinkOptions;
use crate::metrics::Metrics;
use crate::pipeline::queues::Queues;

/// What parameters and services act on.
pub(super) struct Control {
    pub(super) stats: Arc<Metrics>,
    pub(super) queues: Queues,
    pub(super) resolver: Resolver,
    pub(super) config: watch::Sender<Arc<Config>>,
    pub(super) points: watch::Sender<LinkOptions>,
    pub(super) output: watch::Sender<LinkOptions>,
    pub(super) transform: StaticTransform,
}

impl Control {
    /// Puts a configuration into effect.
    pub(super) fn apply(&mut self, given: &Config) -> Result<(), Error> {
        let target = self.resolver.change(given)?;
        self.follow(target);
        Ok(())
    }

    /// Goes on with waiting for a hosts file.
    pub(super) fn poll_resolver(&mut self) -> Result<(), Error> {
        if let Some(target) = self.resolver.poll(Instant::now())? {
            self.follow(target);
        }
        Ok(())
    }

    fn follow(&mut self, target: ResolvedConfig) {
        self.queues
            .set_max_bytes(target.config.queue_max_bytes, &self.stats.ledger);
        follow_frames(&mut self.transform, &target);
        self.config.send_replace(Arc::new(target.config));
        for (link, options) in [(&self.points, target.points), (&self.output, target.output)] {
            // What the services said of the links holds on.
            link.send_modify(|current| {
                *current = LinkOptions {
                    enabled: current.enabled,
                    reconnect_generation: current.reconnect_generation,
                    ..options
                };
            });
        }
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    fn change_links(&self, change: impl Fn(&mut LinkOptions)) {
        for link in [&self.points, &self.output] {
            link.send_modify(&change);
        }
    }
}

/// A site may have frames of its own: until it is known, a transform might be of the wrong ones.
pub(super) fn follow_frames(transform: &mut StaticTransform, target: &ResolvedConfig) {
    if target.points.obstacle.is_none() {
        transform.follow(&target.config);
    }
}

impl Links for Control {
    fn are_enabled(&self) -> bool {
        self.points.borrow().enabled
    }

    fn set_enabled(&mut self, enabled: bool) {
        self.change_links(|link| link.enabled = enabled);
    }

    fn reconnect(&mut self) -> Reconnect {
        let outcome = match self.resolver.reread() {
            Ok(target) => {
                self.follow(target);
                Reconnect::Done
            }
            Err(error) if self.resolver.is_waiting() => Reconnect::Nowhere(error.to_string()),
            Err(error) => Reconnect::AsBefore(error.to_string()),
        };
        self.change_links(|link| link.reconnect_generation += 1);
        outcome
    }
}
