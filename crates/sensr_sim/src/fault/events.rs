//! Events about faults.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;

use super::Links;
use super::kind::FaultKind;

/// Start or end of a fault, as printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum FaultEvent {
    /// The fault begins.
    Fault {
        /// Kind of the fault.
        fault: FaultKind,
        /// Affected links.
        link: Links,
        /// Seconds since the clock started; 0 before.
        at: f64,
        /// Number of affected connections.
        clients: u64,
        /// Maximum duration or size of the clock jump, seconds.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        secs: Option<f64>,
    },
    /// The fault is over and the server behaves normally again.
    Recovered {
        /// Kind of the fault.
        fault: FaultKind,
        /// Affected links.
        link: Links,
        /// Seconds since the clock started; 0 before.
        at: f64,
    },
}

/// Sends fault events to one subscriber. The queue is unbounded: events are few, two for each fault.
#[derive(Debug, Default)]
pub(crate) struct FaultEvents(Mutex<Option<mpsc::UnboundedSender<FaultEvent>>>);

impl FaultEvents {
    /// Returns a receiver of all further events and replaces the previous subscriber.
    pub(crate) fn subscribe(&self) -> mpsc::UnboundedReceiver<FaultEvent> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    pub(super) fn publish(&self, event: FaultEvent) {
        let mut subscriber = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if subscriber
            .as_ref()
            .is_some_and(|to| to.send(event).is_err())
        {
            *subscriber = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_is_one_flat_json_object() {
        let event = FaultEvent::Fault {
            fault: FaultKind::HalfOpen,
            link: Links::Points,
            at: 12.3,
            clients: 1,
            secs: Some(2.0),
        };
        let json = serde_json::to_string(&event).expect("JSON");
        let expected = r#"{"event":"fault","fault":"halfopen","link":"points","at":12.3,"clients":1,"for":2.0}"#;
        assert_eq!(json, expected);
        let event = FaultEvent::Recovered {
            fault: FaultKind::Cut,
            link: Links::Both,
            at: 0.0,
        };
        let json = serde_json::to_string(&event).expect("JSON");
        let expected = r#"{"event":"recovered","fault":"cut","link":"both","at":0.0}"#;
        assert_eq!(json, expected);
    }
}
