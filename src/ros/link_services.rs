//! Services `~/reconnect` and `~/set_enabled`.

use r2r::std_srvs::srv::{SetBool, Trigger};
use r2r::{Node, QosProfile};

use super::RuntimeError;
use super::service_queue::ServiceQueue;

/// The links, as the services control them.
pub(super) trait Links {
    /// Returns whether the links are enabled.
    fn are_enabled(&self) -> bool;

    /// Pauses or resumes both links.
    fn set_enabled(&mut self, enabled: bool);

    /// Reads the hosts file again, and reconnects both links at once.
    fn reconnect(&mut self) -> Reconnect;
}

/// Outcome of a request to reconnect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reconnect {
    /// Both links reconnect.
    Done,
    /// Both links reconnect to the address known before, because the hosts file cannot be used.
    AsBefore(String),
    /// The address is not known yet, for this reason.
    Unresolved(String),
}

/// Server of both services. The thread that spins the node has to call [`serve`](Self::serve).
pub(super) struct LinkServices {
    reconnect: ServiceQueue<Trigger::Service>,
    set_enabled: ServiceQueue<SetBool::Service>,
}

impl LinkServices {
    pub(super) fn new(node: &mut Node) -> Result<Self, RuntimeError> {
        Ok(Self {
            reconnect: ServiceQueue::create(node, "reconnect", QosProfile::services_default())?,
            set_enabled: ServiceQueue::create(node, "set_enabled", QosProfile::services_default())?,
        })
    }

    /// Answers all waiting requests. Returns their number.
    pub(super) fn serve(&mut self, links: &mut impl Links) -> usize {
        let reconnects = self.reconnect.answer_all(|_| {
            let (success, message) = reconnect(links);
            Trigger::Response { success, message }
        });
        let switches = self.set_enabled.answer_all(|request| SetBool::Response {
            success: true,
            message: set_enabled(links, request.data).to_owned(),
        });
        reconnects + switches
    }
}

fn reconnect(links: &mut impl Links) -> (bool, String) {
    if !links.are_enabled() {
        let message = "the links are paused: resume them with ~/set_enabled";
        return (false, message.to_owned());
    }
    let done = "reconnecting both links";
    let (success, message) = match links.reconnect() {
        Reconnect::Done => {
            log::info!("~/reconnect: {done}");
            return (true, done.to_owned());
        }
        Reconnect::AsBefore(reason) => (
            true,
            format!("{done}, to the address known before: {reason}"),
        ),
        Reconnect::Unresolved(reason) => (false, format!("the address is not known yet: {reason}")),
    };
    log::warn!("~/reconnect: {message}");
    (success, message)
}

fn set_enabled(links: &mut impl Links, enabled: bool) -> &'static str {
    let message = match (links.are_enabled(), enabled) {
        (true, true) => return "the links are not paused",
        (false, false) => return "the links are paused already",
        (true, false) => "both links are paused",
        (false, true) => "both links are resumed",
    };
    log::info!("~/set_enabled: {message}");
    links.set_enabled(enabled);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FakeLinks {
        enabled: bool,
        reconnects: usize,
        outcome: Reconnect,
    }

    impl Links for FakeLinks {
        fn are_enabled(&self) -> bool {
            self.enabled
        }

        fn set_enabled(&mut self, enabled: bool) {
            self.enabled = enabled;
        }

        fn reconnect(&mut self) -> Reconnect {
            self.reconnects += 1;
            self.outcome.clone()
        }
    }

    #[test]
    fn set_enabled_reports_the_change() {
        let mut links = FakeLinks {
            enabled: true,
            reconnects: 0,
            outcome: Reconnect::Done,
        };
        let said = [true, false, false, true].map(|enabled| set_enabled(&mut links, enabled));
        assert_eq!(
            said,
            [
                "the links are not paused",
                "both links are paused",
                "the links are paused already",
                "both links are resumed",
            ]
        );
        assert!(links.enabled);
    }

    #[test]
    fn paused_links_are_not_reconnected() {
        let mut links = FakeLinks {
            enabled: false,
            reconnects: 0,
            outcome: Reconnect::Done,
        };
        let (success, message) = reconnect(&mut links);
        assert!(!success && message.contains("~/set_enabled"), "{message}");
        links.enabled = true;
        assert!(reconnect(&mut links).0);
        assert_eq!(links.reconnects, 1);
        for (outcome, expected) in [
            (Reconnect::AsBefore("it is gone".to_owned()), true),
            (Reconnect::Unresolved("it is gone".to_owned()), false),
        ] {
            links.outcome = outcome;
            let (success, message) = reconnect(&mut links);
            assert_eq!(success, expected);
            assert!(message.ends_with("it is gone"), "{message}");
        }
        assert_eq!(links.reconnects, 3);
    }
}
