//! What is told about faults.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::mpsc;

use super::Links;
use super::kind::FaultKind;

/// A fault begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum FaultEvent {
    /// It begins.
    Fault {
        /// What goes wrong.
        fault: FaultKind,
        /// Where.
        link: Links,
        /// Seconds since the clock started, 0 before.
        at: f64,
        /// How many connections suffer.
        clients: u64,
        /// How long at most, or how far the clock jumps, seconds.
        #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
        secs: Option<f64>,
    },
    /// It is over: the server behaves well again.
    Recovered {
        /// What went wrong.
        fault: FaultKind,
        /// Where.
        link: Links,
        /// Seconds since the clock started, 0 before.
        at: f64,
    },
}

/// Tells events to whoever listens. Unbounded: they are few, and come no faster than faults are asked for.
#[derive(Debug, Default)]
pub(crate) struct Herald(Mutex<Option<mpsc::UnboundedSender<FaultEvent>>>);

impl Herald {
    /// The events from now on. Whoever listened before hears no more.
    pub(crate) fn listen(&self) -> mpsc::UnboundedReceiver<FaultEvent> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    pub(super) fn tell(&self, event: FaultEvent) {
        let mut listener = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.as_ref().is_some_and(|to| to.send(event).is_err()) {
            *listener = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
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
