//! Source of a stream: the server that a link leads to, the coordinate frame of its data, and the times of its messages.

use std::sync::Arc;

use crate::config::ResolvedConfig;
use crate::connection::status::Endpoint;
use crate::time::stamp::{Arrival, Stamp};

/// Source of a queued message.
#[derive(Debug, Clone, Default)]
pub(in crate::pipeline) struct StreamSource {
    /// Number of the server among those that the link has led to.
    pub(in crate::pipeline) server: u64,
    /// Frame of the headers.
    pub(in crate::pipeline) frame_id: Arc<str>,
}

/// Times of a message of the output stream.
#[derive(Debug, Clone, Copy)]
pub(in crate::pipeline) struct MessageTimes {
    /// Completion of the frame on this machine.
    pub(in crate::pipeline) arrival: Arrival,
    /// Stamp of the headers, as `stamp_source` says.
    pub(in crate::pipeline) stamp: Stamp,
    /// Time of the message on the server's clock. 0 if the server sent none that ROS can represent.
    pub(in crate::pipeline) server: Stamp,
}

/// Tracks the source of a link.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct SourceTracker {
    endpoint: Option<Endpoint>,
    source: StreamSource,
}

impl SourceTracker {
    /// Records the server that the link leads to from now on, and its frame. Returns whether it replaces another.
    pub(in crate::pipeline) fn change_to(
        &mut self,
        server: &Endpoint,
        config: &ResolvedConfig,
        port: u16,
    ) -> bool {
        let is_another = self.endpoint.replace(server.clone()).is_some();
        self.source.server += u64::from(is_another);
        self.current(config, port);
        is_another
    }

    /// Host that the link leads to. Empty before the first server.
    pub(in crate::pipeline) fn address(&self) -> &str {
        self.endpoint
            .as_ref()
            .map_or("", |endpoint| &endpoint.address)
    }

    /// Returns the source of the frames that arrive now. `port` is the link's port in `config`.
    ///
    /// Parameters change before the link does. As long as the link still delivers data of the server before, they stay
    /// in that server's frame.
    pub(in crate::pipeline) fn current(
        &mut self,
        config: &ResolvedConfig,
        port: u16,
    ) -> StreamSource {
        let is_configured = self
            .endpoint
            .as_ref()
            .is_none_or(|endpoint| (&*endpoint.address, endpoint.port) == (&*config.host, port));
        if is_configured && *self.source.frame_id != *config.frame_id {
            self.source.frame_id = config.frame_id.as_str().into();
        }
        self.source.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Endpoint {
        Endpoint {
            address: address.to_owned(),
            port: 5050,
            tls: None,
        }
    }

    fn config(host: &str, frame_id: &str) -> ResolvedConfig {
        ResolvedConfig::default().with_changes(|config| {
            host.clone_into(&mut config.host);
            frame_id.clone_into(&mut config.frame_id);
        })
    }

    #[test]
    fn the_first_server_replaces_none() {
        let mut tracker = SourceTracker::default();
        assert!(!tracker.change_to(&server("a"), &config("a", "sensr"), 5050));
        assert!(tracker.change_to(&server("b"), &config("b", "sensr"), 5050));
        assert_eq!(tracker.current(&config("b", "sensr"), 5050).server, 1);
        assert_eq!(tracker.address(), "b");
    }

    #[test]
    fn data_of_the_former_server_stay_in_its_frame() {
        let mut tracker = SourceTracker::default();
        let frame = |tracker: &mut SourceTracker, host, frame_id| {
            tracker.current(&config(host, frame_id), 5050).frame_id
        };
        tracker.change_to(&server("a"), &config("a", "harbour"), 5050);
        assert_eq!(&*frame(&mut tracker, "b", "street"), "harbour");
        assert_eq!(&*frame(&mut tracker, "a", "pier"), "pier");
        assert_eq!(&*frame(&mut tracker, "b", "street"), "pier");
        tracker.change_to(&server("b"), &config("b", "street"), 5050);
        assert_eq!(&*frame(&mut tracker, "b", "street"), "street");
    }
}
