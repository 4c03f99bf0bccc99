//! Stage of the output stream that observes the server's clock and chooses the stamp of each message.

use std::sync::Arc;

use super::warn_throttled;
use crate::config::StampSource;
use crate::metrics::Metrics;
use crate::pipeline::LOG_PERIOD;
use crate::pipeline::stream_source::MessageTimes;
use crate::time::clock_offset::Observation;
use crate::time::log_throttle::LogThrottle;
use crate::time::stamp::{Arrival, Stamp};
use sensr_protocol::output::Output;

/// Determines the times of messages.
#[derive(Debug)]
pub(super) struct ServerTimeStage {
    metrics: Arc<Metrics>,
    jump_throttle: LogThrottle,
    standstill_throttle: LogThrottle,
}

impl ServerTimeStage {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            jump_throttle: LogThrottle::new(LOG_PERIOD),
            standstill_throttle: LogThrottle::new(LOG_PERIOD),
        }
    }

    /// Returns the times of a message. On the server's clock, a message whose time is not trusted gets the stamp that
    /// its clouds get: its receive time minus the offset of the clocks.
    pub(super) fn message_times(
        &mut self,
        output: &Output,
        arrival: Arrival,
        source: StampSource,
    ) -> MessageTimes {
        let server = output.time.and_then(Stamp::from_wire);
        let mut clock = self.metrics.clock();
        let observation = clock.observe(arrival, server);
        let stamp = match source {
            StampSource::Receive => arrival.stamp,
            StampSource::Server => server
                .filter(|_| observation.is_plausible)
                .unwrap_or_else(|| arrival.stamp.moved_back(clock.offset_ns().unwrap_or(0))),
        };
        drop(clock);
        self.log_anomalies(observation, server);
        MessageTimes {
            arrival,
            stamp,
            server: server.unwrap_or_default(),
        }
    }

    fn log_anomalies(&mut self, observation: Observation, server: Option<Stamp>) {
        if let Some(jump_ns) = observation.jump_ns {
            warn_throttled(&mut self.jump_throttle, || {
                let jump_ms = jump_ns / 1_000_000;
                format!(
                    "a clock jumped: this machine's clock is now {jump_ms} ms further ahead of the server's; check the \
                     time synchronization of both"
                )
            });
        }
        if observation.has_frozen {
            warn_throttled(&mut self.standstill_throttle, || {
                let at = server.unwrap_or_default().utc();
                format!(
                    "the server's clock is frozen at {at}: its times are not used for stamps until it advances; \
                     check the time synchronization of the server"
                )
            });
        }
    }
}
