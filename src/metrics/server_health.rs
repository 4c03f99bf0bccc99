//! The server's own word about its health, and what we had counted when it lost data.

use std::sync::Mutex;

use super::ledger::Account;
use super::lock;
use crate::time::stamp::Stamp;
use crate::topic::Topic;
use sensr_protocol::health::SystemHealth;
use sensr_protocol::wire::proto::system_health::Status;

/// The server said that the data for a client overflowed its buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Overflow {
    /// When we heard of it the last time.
    pub at: Stamp,
    /// How often we heard of it.
    pub times: u64,
    /// Our accounts at that moment, in the order of [`Topic::ALL`]: whether we were the slow one.
    pub accounts: [Account; Topic::COUNT],
    /// Bytes in our queues at that moment.
    pub queued_bytes: u64,
}

/// What is known of the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerHealthSnapshot {
    /// Its latest health, and when it came.
    pub health: Option<(Stamp, SystemHealth)>,
    /// The latest overflow.
    pub overflow: Option<Overflow>,
}

/// The latest the server said, shared.
#[derive(Debug, Default)]
pub struct ServerHealth {
    knowledge: Mutex<ServerHealthSnapshot>,
}

impl ServerHealth {
    /// Takes a health message. `counters` gives our accounts and queued bytes, asked for only if there was an
    /// overflow; returns whether there was.
    pub fn note_health(
        &self,
        at: Stamp,
        health: &SystemHealth,
        counters: impl FnOnce() -> ([Account; Topic::COUNT], u64),
    ) -> bool {
        let is_overflow = health.master() == Status::OutputBufferOverflow;
        let counters = is_overflow.then(counters);
        let mut knowledge = lock(&self.knowledge);
        if let Some((accounts, queued_bytes)) = counters {
            let before = knowledge
                .overflow
                .as_ref()
                .map_or(0, |overflow| overflow.times);
            knowledge.overflow = Some(Overflow {
                at,
                times: before + 1,
                accounts,
                queued_bytes,
            });
        }
        knowledge.health = Some((at, health.clone()));
        is_overflow
    }

    /// Forgets all of it: from now on it is another server.
    pub fn forget(&self) {
        *lock(&self.knowledge) = ServerHealthSnapshot::default();
    }

    /// What is known now.
    pub fn snapshot(&self) -> ServerHealthSnapshot {
        lock(&self.knowledge).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_is_remembered_with_the_counters_of_the_moment() {
        let server = ServerHealth::default();
        let health = |master: Status| SystemHealth {
            master: master.into(),
            ..SystemHealth::default()
        };
        let at = |sec| Stamp { sec, nanosec: 0 };
        let mut accounts = [Account::default(); Topic::COUNT];
        accounts[0].received = 9;
        let overflow = health(Status::OutputBufferOverflow);
        assert!(server.note_health(at(1), &overflow, || (accounts, 5)));
        assert!(!server.note_health(at(2), &health(Status::Ok), || unreachable!()));
        let ServerHealthSnapshot { health, overflow } = server.snapshot();
        assert_eq!(health.expect("known").0, at(2));
        let overflow = overflow.expect("remembered");
        assert_eq!((overflow.at, overflow.times), (at(1), 1));
        assert_eq!(
            (overflow.accounts[0].received, overflow.queued_bytes),
            (9, 5)
        );
        server.forget();
        assert_eq!(server.snapshot(), ServerHealthSnapshot::default());
    }
}
