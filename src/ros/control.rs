//! Effects of parameters and services: new link options, queue bounds, and messages about the site.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;

use super::Error;
use super::link_services::{Links, Reconnect};
use super::site_messages::SiteMessages;
use crate::config::resolve::{Resolution, Resolver};
use crate::config::{Config, ResolvedConfig};
use crate::connection::options::LinkOptions;
use crate::metrics::Metrics;
use crate::pipeline::queues::Queues;

/// Parts of the bridge that parameters and services change.
pub(super) struct Control {
    pub(super) metrics: Arc<Metrics>,
    pub(super) queues: Queues,
    pub(super) resolver: Resolver,
    pub(super) config: watch::Sender<Arc<ResolvedConfig>>,
    pub(super) points: watch::Sender<LinkOptions>,
    pub(super) output: watch::Sender<LinkOptions>,
    pub(super) site_messages: SiteMessages,
}

impl Control {
    /// Applies a changed configuration.
    pub(super) fn apply(&mut self, given: &Config) -> Result<(), Error> {
        let resolved = self.resolver.change(given)?;
        self.adopt(resolved, |_| {});
        Ok(())
    }

    /// Continues to wait for a hosts file that cannot be read yet.
    pub(super) fn poll_resolver(&mut self) -> Result<(), Error> {
        if let Some(resolved) = self.resolver.poll(Instant::now())? {
            self.adopt(resolved, |_| {});
        }
        Ok(())
    }

    /// Hands the configuration to all parts. `change_link` completes the options of each link before the link sees
    /// them, so that it takes them in one step.
    fn adopt(&mut self, resolved: Resolution, change_link: impl Fn(&mut LinkOptions)) {
        self.queues
            .set_max_bytes(resolved.config.queue_max_bytes, &self.metrics.ledger);
        self.site_messages.publish_changes(&resolved);
        self.config.send_replace(Arc::new(resolved.config));
        for (link, options) in [
            (&self.points, resolved.points),
            (&self.output, resolved.output),
        ] {
            // Settings by services survive a change of parameters.
            link.send_modify(|current| {
                *current = LinkOptions {
                    enabled: current.enabled,
                    reconnect_generation: current.reconnect_generation,
                    ..options
                };
                change_link(current);
            });
        }
    }

    /// Publishes the latched messages again.
    pub(super) fn repeat_latched(&self) {
        self.queues.repeat_latched();
        self.site_messages.repeat();
    }

    pub(super) fn config(&self) -> Arc<ResolvedConfig> {
        Arc::clone(&self.config.borrow())
    }

    fn change_links(&self, change: impl Fn(&mut LinkOptions)) {
        for link in [&self.points, &self.output] {
            link.send_modify(&change);
        }
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
        let request = |link: &mut LinkOptions| link.reconnect_generation += 1;
        let outcome = match self.resolver.reread() {
            Ok(resolved) => {
                // In two steps, a link could connect to the new address and close that connection at once.
                self.adopt(resolved, request);
                return Reconnect::Done;
            }
            Err(error) if self.resolver.is_waiting() => Reconnect::Unresolved(error.to_string()),
            Err(error) => Reconnect::AsBefore(error.to_string()),
        };
        self.change_links(request);
        outcome
    }
}
