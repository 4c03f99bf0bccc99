//! Processes of this machine that use another `/dev/shm`, as those of a container do.
//!
//! Fast DDS tells by the announcement that a process is on the same machine, and then sends through shared memory only.
//! A process whose port is locked by nobody in the `/dev/shm` of this process receives nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::announcement::{Announcement, ParticipantId, SharedMemoryAddress};

/// Number of processes that are remembered. More are not examined.
const MAX_PEERS: usize = 1000;
/// Time without an announcement after which a process is gone. Fast DDS announces every three seconds.
const LIFETIME: Duration = Duration::from_secs(9);
/// Checks in a row that must not find a port. A process that ends is announced no more before the second.
const CHECKS: u32 = 2;

/// Processes that were announced lately.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<ParticipantId, Peer>);

#[derive(Debug)]
struct Peer {
    announcement: Announcement,
    latest: Instant,
    /// Checks in a row that did not find its port.
    missing: u32,
}

impl Peers {
    pub(super) fn record(&mut self, now: Instant, announcement: Announcement) {
        if let Some(peer) = self.0.get_mut(&announcement.participant) {
            peer.announcement = announcement;
            peer.latest = now;
        } else if self.0.len() < MAX_PEERS {
            let peer = Peer {
                announcement,
                latest: now,
                missing: 0,
            };
            self.0.insert(announcement.participant, peer);
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of processes of this machine that cannot be reached. `own_process` is the id of this one, and
    /// `is_alive` tells whether a process holds a port in its `/dev/shm`.
    ///
    /// None is found as long as this process itself is not announced with a living port: then it uses no shared memory.
    pub(super) fn count_isolated(
        &mut self,
        now: Instant,
        own_process: u32,
        is_alive: impl Fn(u32) -> bool,
    ) -> usize {
        let is_present = |_: &ParticipantId, peer: &mut Peer| now - peer.latest < LIFETIME;
        self.0.retain(is_present);
        let own = self.0.values().find(|peer| {
            peer.announcement.is_of_process(own_process) && is_alive(peer.announcement.address.port)
        });
        let Some(SharedMemoryAddress { machine, .. }) = own.map(|own| own.announcement.address)
        else {
            return 0;
        };
        let mut isolated = 0;
        for peer in self.0.values_mut() {
            let address = peer.announcement.address;
            let is_missing = address.machine == machine && !is_alive(address.port);
            peer.missing = if is_missing { peer.missing + 1 } else { 0 };
            isolated += usize::from(peer.missing >= CHECKS);
        }
        isolated
    }
}

#[cfg(test)]
mod tests {
    use super::super::announcement::tests::encode;
    use super::*;

    const OWN: u32 = 100;
    const OWN_PORT: u32 = 7411;
    const CHECK_INTERVAL: Duration = Duration::from_secs(10);

    struct Fixture {
        peers: Peers,
        now: Instant,
    }

    impl Fixture {
        fn new() -> Self {
            Self {
                peers: Peers::default(),
                now: Instant::now(),
            }
        }

        /// Announces processes and checks, as often as `CHECKS`.
        fn check(&mut self, announced: &[(u32, u32)], alive: &[u32]) -> usize {
            self.now += CHECK_INTERVAL;
            for (process, port) in announced {
                let read = Announcement::read(&encode(*process, 16, *port)).expect("valid");
                self.peers.record(self.now, read);
            }
            let is_alive = |port| alive.contains(&port);
            self.peers.count_isolated(self.now, OWN, is_alive)
        }
    }

    #[test]
    fn an_announced_process_without_a_port_is_isolated_at_the_second_check() {
        let mut fixture = Fixture::new();
        let announced = [(OWN, OWN_PORT), (200, 7413), (300, 7415)];
        let alive = [OWN_PORT, 7415];
        assert_eq!(fixture.check(&announced, &alive), 0);
        assert_eq!(fixture.check(&announced, &alive), 1);
        assert_eq!(fixture.check(&announced, &[OWN_PORT, 7413, 7415]), 0);
    }

    #[test]
    fn a_process_that_has_ended_is_not_isolated() {
        let mut fixture = Fixture::new();
        let announced = [(OWN, OWN_PORT), (200, 7413)];
        assert_eq!(fixture.check(&announced, &[OWN_PORT]), 0);
        assert_eq!(fixture.check(&announced[..1], &[OWN_PORT]), 0);
        assert_eq!(fixture.peers.0.len(), 1);
    }

    #[test]
    fn nothing_is_said_without_shared_memory_of_this_process() {
        let mut fixture = Fixture::new();
        for _ in 0..3 {
            assert_eq!(fixture.check(&[(200, 7413)], &[]), 0);
            assert_eq!(fixture.check(&[(200, 7413), (OWN, OWN_PORT)], &[]), 0);
        }
    }

    #[test]
    fn a_process_of_another_machine_is_reached_over_the_network() {
        let mut fixture = Fixture::new();
        for _ in 0..3 {
            let mut far = Announcement::read(&encode(200, 16, 7413)).expect("valid");
            far.address.machine[1] += 1;
            fixture.peers.record(fixture.now + CHECK_INTERVAL, far);
            assert_eq!(fixture.check(&[(OWN, OWN_PORT)], &[OWN_PORT]), 0);
        }
    }

    #[test]
    fn the_number_of_processes_is_bounded() {
        let mut fixture = Fixture::new();
        let many: Vec<(u32, u32)> = (0..2000).map(|process| (process, OWN_PORT)).collect();
        fixture.check(&many, &[OWN_PORT]);
        assert_eq!(fixture.peers.0.len(), MAX_PEERS);
    }
}
