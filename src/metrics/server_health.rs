//! Health that the server reports, and the counters of this bridge at the moment the server lost data.

use std::sync::Mutex;

use super::ledger::Accounts;
use super::lock_counters;
use crate::time::stamp::Stamp;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::wire::proto::system_health::Status;

/// Overflow of the server's buffer for a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflow {
    /// Receive time of the latest report.
    pub at: Stamp,
    /// Number of reports.
    pub times: u64,
    /// Accounts at that moment, which show whether this bridge was the slow client.
    pub accounts: Accounts,
    /// Bytes in the queues at that moment.
    pub queued_bytes: u64,
}

/// Latest health of the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerHealthSnapshot {
    /// Receive time and content of the latest health.
    pub health: Option<(Stamp, SystemHealth)>,
    /// Latest overflow.
    pub overflow: Option<Overflow>,
}

/// Health of the server, shared between threads.
#[derive(Debug, Default)]
pub struct ServerHealth {
    latest: Mutex<ServerHealthSnapshot>,
}

impl ServerHealth {
    /// Records a health message, and in case of an overflow the accounts and queued bytes that `counters` returns.
    /// Returns whether there was an overflow.
    pub fn record_health(
        &self,
        at: Stamp,
        health: &SystemHealth,
        counters: impl FnOnce() -> (Accounts, u64),
    ) -> bool {
        let is_overflow = health.master() == Status::OutputBufferOverflow;
        let counters = is_overflow.then(counters);
        let mut latest = lock_counters(&self.latest);
        if let Some((accounts, queued_bytes)) = counters {
            let before = latest
                .overflow
                .as_ref()
                .map_or(0, |overflow| overflow.times);
            latest.overflow = Some(Overflow {
                at,
                times: before + 1,
                accounts,
                queued_bytes,
            });
        }
        latest.health = Some((at, health.clone()));
        is_overflow
    }

    /// Discards the health of the former server.
    pub fn reset(&self) {
        *lock_counters(&self.latest) = ServerHealthSnapshot::default();
    }

    /// Returns a copy of the latest health.
    pub fn snapshot(&self) -> ServerHealthSnapshot {
        lock_counters(&self.latest).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::Account;
    use crate::topic::AnyTopic;

    #[test]
    fn an_overflow_is_recorded_with_the_counters_of_the_moment() {
        let server = ServerHealth::default();
        let health = |master: Status| SystemHealth {
            master: master.into(),
            ..SystemHealth::default()
        };
        let at = |sec| Stamp { sec, nanosec: 0 };
        let mut accounts = [Account::default(); AnyTopic::COUNT];
        accounts[0].received = 9;
        let overflow = health(Status::OutputBufferOverflow);
        assert!(server.record_health(at(1), &overflow, || (accounts, 5)));
        assert!(!server.record_health(at(2), &health(Status::Ok), || unreachable!()));
        let ServerHealthSnapshot { health, overflow } = server.snapshot();
        assert_eq!(health.expect("known").0, at(2));
        let overflow = overflow.expect("remembered");
        assert_eq!((overflow.at, overflow.times), (at(1), 1));
        assert_eq!(
            (overflow.accounts[0].received, overflow.queued_bytes),
            (9, 5)
        );
        server.reset();
        assert_eq!(server.snapshot(), ServerHealthSnapshot::default());
    }
}
