//! Keep-alive of a connection: detects a server that is dead, or alive without sending data. Without it, a server that
//! vanished without a close frame would look connected for hours.
//!
//! Free of sockets and clocks: the caller reports received bytes and messages with their times, and polls.

use std::time::{Duration, Instant};

/// Multiple of the stall timeout without data after which the connection to a server that answers pings is given up:
/// its stream has stopped, and a new connection may start it again.
const NO_DATA_STALL_FACTOR: u32 = 3;
/// Messages without a stall between them that make a stream, which is expected to continue. A server whose stream is
/// switched off sends single events only.
const STREAM_MESSAGES: u32 = 10;

/// Timeouts of the keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAliveTimeouts {
    /// Time without a received byte after which the connection is dead.
    pub stall_timeout: Duration,
    /// Interval of the pings. Must be below `stall_timeout`, or a server without data would pass for a dead one.
    pub ping_interval: Duration,
}

/// Stall of a server that is alive but sends no data. Outlasts the connection on which it was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataStall {
    /// True if the stall was reported.
    pub is_reported: bool,
    /// True if a connection was given up for the stall, which did not help. The next one is kept, so that it receives
    /// the stream whenever it continues.
    pub has_reconnected: bool,
}

/// Result of polling the keep-alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCheck {
    /// Nothing to do.
    Healthy,
    /// A ping is due.
    PingDue,
    /// No message was received for this time, although bytes were. Returned once per stall.
    NoData(Duration),
    /// No byte was received for this time.
    Dead(Duration),
    /// No message was received for three stall timeouts, although bytes were. Returned once, until there is a stream
    /// again.
    NoDataTimeout(Duration),
}

/// Keep-alive of one connection, from the end of its handshake.
#[derive(Debug)]
pub struct KeepAlive {
    timeouts: KeepAliveTimeouts,
    last_bytes: Instant,
    last_message: Instant,
    last_ping: Instant,
    /// True if the stall was detected on this connection.
    is_stalled: bool,
    stall: DataStall,
    /// Messages since the last stall.
    messages: u32,
}

impl KeepAlive {
    /// Creates the keep-alive of a connection established at `now`, with the stall that earlier connections detected.
    #[must_use]
    pub fn new(timeouts: KeepAliveTimeouts, now: Instant, stall: DataStall) -> Self {
        Self {
            timeouts,
            last_bytes: now,
            last_message: now,
            last_ping: now,
            is_stalled: false,
            stall,
            messages: 0,
        }
    }

    /// Changes the timeouts.
    pub fn set_timeouts(&mut self, timeouts: KeepAliveTimeouts) {
        self.timeouts = timeouts;
    }

    /// Records that a message was received completely at `now`.
    pub fn on_message(&mut self, now: Instant) {
        self.last_bytes = now;
        self.last_message = now;
        self.is_stalled = false;
        self.messages = self.messages.saturating_add(1);
        if self.messages >= STREAM_MESSAGES {
            self.stall = DataStall::default();
        }
    }

    /// Current stall of the server.
    #[must_use]
    pub fn stall(&self) -> DataStall {
        self.stall
    }

    /// Records that bytes were received at `at`: pongs, or a part of a large message.
    pub fn on_bytes(&mut self, at: Instant) {
        self.last_bytes = self.last_bytes.max(at);
    }

    /// Checks the connection at `now` and returns the most severe finding. A ping that is due counts as sent.
    pub fn poll(&mut self, now: Instant) -> LinkCheck {
        let KeepAliveTimeouts {
            stall_timeout,
            ping_interval,
        } = self.timeouts;
        let without_message = now.saturating_duration_since(self.last_message);
        let without_bytes = now.saturating_duration_since(self.last_bytes);
        if without_bytes >= stall_timeout {
            LinkCheck::Dead(without_bytes)
        } else if without_message >= self.no_data_timeout() && !self.stall.has_reconnected {
            self.stall = DataStall {
                is_reported: true,
                has_reconnected: true,
            };
            LinkCheck::NoDataTimeout(without_message)
        } else if without_message >= stall_timeout && !self.is_stalled {
            self.is_stalled = true;
            self.stall.is_reported = true;
            self.messages = 0;
            LinkCheck::NoData(without_message)
        } else if now.saturating_duration_since(self.last_ping) >= ping_interval {
            self.last_ping = now;
            LinkCheck::PingDue
        } else {
            LinkCheck::Healthy
        }
    }

    /// Time of the next poll: the earliest at which there can be a finding. A connection with data is thus polled at most
    /// twice per `ping_interval`, and not once per message.
    #[must_use]
    pub fn next_poll(&self) -> Instant {
        let KeepAliveTimeouts {
            stall_timeout,
            ping_interval,
        } = self.timeouts;
        let next = (self.last_ping + ping_interval).min(self.last_bytes + stall_timeout);
        match (self.is_stalled, self.stall.has_reconnected) {
            (false, _) => next.min(self.last_message + stall_timeout),
            (true, false) => next.min(self.last_message + self.no_data_timeout()),
            (true, true) => next,
        }
    }

    fn no_data_timeout(&self) -> Duration {
        self.timeouts.stall_timeout * NO_DATA_STALL_FACTOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUTS: KeepAliveTimeouts = KeepAliveTimeouts {
        stall_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(4),
    };

    struct Fixture {
        start: Instant,
        keep_alive: KeepAlive,
    }

    impl Fixture {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                start,
                keep_alive: KeepAlive::new(TIMEOUTS, start, DataStall::default()),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn next_poll(&self) -> u64 {
            (self.keep_alive.next_poll() - self.start).as_secs()
        }

        fn poll(&mut self, seconds: u64) -> LinkCheck {
            self.keep_alive.poll(self.at(seconds))
        }
    }

    #[test]
    fn connection_with_data_is_only_pinged() {
        let mut fixture = Fixture::new();
        for second in 0..100 {
            fixture.keep_alive.on_message(fixture.at(second));
            let expected = if second % 4 == 0 && second > 0 {
                LinkCheck::PingDue
            } else {
                LinkCheck::Healthy
            };
            assert_eq!(fixture.poll(second), expected, "at {second} s");
        }
    }

    #[test]
    fn connection_without_bytes_is_dead() {
        let mut fixture = Fixture::new();
        fixture.keep_alive.on_message(fixture.at(3));
        assert_eq!(fixture.poll(12), LinkCheck::PingDue);
        assert_eq!(fixture.next_poll(), 13);
        assert_eq!(fixture.poll(13), LinkCheck::Dead(Duration::from_secs(10)));
    }

    #[test]
    fn pongs_without_data_are_reported_once_and_time_out_after_three_stall_timeouts() {
        let mut fixture = Fixture::new();
        let mut findings = Vec::new();
        for second in 1..=30 {
            fixture.keep_alive.on_bytes(fixture.at(second));
            let finding = fixture.poll(second);
            if !matches!(finding, LinkCheck::Healthy | LinkCheck::PingDue) {
                findings.push((second, finding));
            }
        }
        let after = |seconds| Duration::from_secs(seconds);
        assert_eq!(
            findings,
            [
                (10, LinkCheck::NoData(after(10))),
                (30, LinkCheck::NoDataTimeout(after(30)))
            ]
        );
    }

    #[test]
    fn data_ends_a_stall_and_the_next_one_is_detected_again() {
        let mut fixture = Fixture::new();
        fixture.keep_alive.on_bytes(fixture.at(9));
        assert_eq!(fixture.poll(10), LinkCheck::NoData(Duration::from_secs(10)));
        fixture.keep_alive.on_message(fixture.at(12));
        fixture.keep_alive.on_bytes(fixture.at(21));
        assert_eq!(fixture.poll(22), LinkCheck::NoData(Duration::from_secs(10)));
    }

    /// Polls every second from `from`, with bytes and without messages. Returns the second of the no-data timeout.
    fn no_data_timeout_at(fixture: &mut Fixture, from: u64) -> Option<u64> {
        (from..from + 1000).find(|&second| {
            fixture.keep_alive.on_bytes(fixture.at(second));
            matches!(fixture.poll(second), LinkCheck::NoDataTimeout(_))
        })
    }

    #[test]
    fn stall_costs_one_connection_until_there_is_a_stream_again() {
        let mut fixture = Fixture::new();
        assert_eq!(no_data_timeout_at(&mut fixture, 1), Some(30));
        let known = fixture.keep_alive.stall();
        assert!(known.is_reported && known.has_reconnected);

        fixture.keep_alive = KeepAlive::new(TIMEOUTS, fixture.start, known);
        assert_eq!(no_data_timeout_at(&mut fixture, 1), None);
        // Single messages are not a stream.
        for second in [2000, 2100, 2200, 2201, 2202] {
            fixture.keep_alive.on_message(fixture.at(second));
            assert_eq!(
                no_data_timeout_at(&mut fixture, second + 1).filter(|&at| at < second + 90),
                None
            );
        }
        assert_eq!(fixture.keep_alive.stall(), known);
        for message in 0..u64::from(STREAM_MESSAGES) {
            fixture.keep_alive.on_message(fixture.at(5000 + message));
        }
        assert_eq!(fixture.keep_alive.stall(), DataStall::default());
        assert_eq!(no_data_timeout_at(&mut fixture, 5010), Some(5039));
    }

    #[test]
    fn parts_of_a_large_message_keep_the_connection_alive() {
        let mut fixture = Fixture::new();
        for second in 1..=9 {
            fixture.keep_alive.on_bytes(fixture.at(3 * second));
            assert!(!matches!(fixture.poll(3 * second), LinkCheck::Dead(_)));
        }
    }

    #[test]
    fn shorter_timeouts_apply_at_once() {
        let mut fixture = Fixture::new();
        fixture.keep_alive.set_timeouts(KeepAliveTimeouts {
            stall_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(1),
        });
        assert_eq!(fixture.next_poll(), 1);
        assert_eq!(fixture.poll(2), LinkCheck::Dead(Duration::from_secs(2)));
    }

    proptest! {
        /// Polling at the given times only finds nothing late, and always finds something.
        #[test]
        fn next_poll_is_never_late(steps in proptest::collection::vec((0u8..3, 0u64..9000), 1..60)) {
            let start = Instant::now();
            let mut now = start;
            let mut keep_alive = KeepAlive::new(TIMEOUTS, start, DataStall::default());
            for (received, ms) in steps {
                let next = keep_alive.next_poll();
                now += Duration::from_millis(ms);
                if next > now {
                    let mut early = KeepAlive { ..keep_alive };
                    prop_assert_eq!(early.poll(now), LinkCheck::Healthy);
                } else {
                    now = next;
                    match keep_alive.poll(now) {
                        LinkCheck::Healthy => prop_assert!(false, "nothing was due"),
                        LinkCheck::Dead(_) | LinkCheck::NoDataTimeout(_) => break,
                        LinkCheck::PingDue | LinkCheck::NoData(_) => {}
                    }
                }
                match received {
                    0 => { keep_alive.on_message(now); }
                    1 => keep_alive.on_bytes(now),
                    _ => {}
                }
            }
        }
    }
}
