//! Whether a link that stands is alive: a server that vanished without a goodbye leaves a connection that looks
//! open for hours.
//!
//! No sockets and no clock in here: the caller says what happened when, and asks when to look again.

use std::time::{Duration, Instant};

/// A server that answers pings but sends no data is given up after so many times `stall_timeout`: its stream
/// has stopped, and a new link may start it again.
const NO_DATA_STALL_FACTOR: u32 = 3;
/// So many messages with no silence between them are a stream, which is to go on. A server whose stream is switched
/// off sends single events.
const STREAM_MESSAGES: u32 = 10;

/// How long silence is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAliveTimeouts {
    /// Nothing at all for so long: the link is dead.
    pub stall_timeout: Duration,
    /// So often the server is asked for a sign of life. Below `stall_timeout`, or a quiet server would pass for a
    /// dead one.
    pub ping_interval: Duration,
}

/// ServerHealthSnapshot of a server that is alive and sends nothing. Outlasts the link on which it was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Silence {
    /// It was found.
    pub is_told: bool,
    /// A link was given up for it, which has not helped: the next one is kept, so that somebody is listening whenever
    /// the stream goes on.
    pub has_cost_a_link: bool,
}

/// What a look at a link finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkCheck {
    /// Nothing to do.
    Fine,
    /// It is time for a ping.
    PingDue,
    /// There are signs of life but there has been no data for so long. Found once per silence.
    NoData(Duration),
    /// Not a byte came for so long.
    Dead(Duration),
    /// There are signs of life but there has been no data for too long. Found once, until there is a stream again.
    NoDataTimeout(Duration),
}

/// Watches one link from its handshake on.
#[derive(Debug)]
pub struct KeepAlive {
    patience: KeepAliveTimeouts,
    heard: Instant,
    data: Instant,
    pinged: Instant,
    /// Of this link.
    is_silence_known: bool,
    silence: Silence,
    /// Messages since the last silence.
    run: u32,
}

impl KeepAlive {
    /// A link that was established at `now`, with what is known of the server.
    #[must_use]
    pub fn new(patience: KeepAliveTimeouts, now: Instant, silence: Silence) -> Self {
        Self {
            patience,
            heard: now,
            data: now,
            pinged: now,
            is_silence_known: false,
            silence,
            run: 0,
        }
    }

    /// From now on other limits hold.
    pub fn set_patience(&mut self, patience: KeepAliveTimeouts) {
        self.patience = patience;
    }

    /// A whole message was complete at `now`.
    pub fn data(&mut self, now: Instant) {
        self.heard = now;
        self.data = now;
        self.is_silence_known = false;
        self.run = self.run.saturating_add(1);
        if self.run >= STREAM_MESSAGES {
            self.silence = Silence::default();
        }
    }

    /// The knowledge of the server by now.
    #[must_use]
    pub fn silence(&self) -> Silence {
        self.silence
    }

    /// A byte came at `at`, whatever it belongs to: a part of a large message is a sign of life.
    pub fn heard(&mut self, at: Instant) {
        self.heard = self.heard.max(at);
    }

    /// How it is at `now`. The worst finding first; a due ping counts as sent.
    pub fn look(&mut self, now: Instant) -> LinkCheck {
        let KeepAliveTimeouts {
            stall_timeout,
            ping_interval,
        } = self.patience;
        let without_data = now.saturating_duration_since(self.data);
        let unheard = now.saturating_duration_since(self.heard);
        if unheard >= stall_timeout {
            LinkCheck::Dead(unheard)
        } else if without_data >= self.hopeless_after() && !self.silence.has_cost_a_link {
            self.silence = Silence {
                is_told: true,
                has_cost_a_link: true,
            };
            LinkCheck::NoDataTimeout(without_data)
        } else if without_data >= stall_timeout && !self.is_silence_known {
            self.is_silence_known = true;
            self.silence.is_told = true;
            self.run = 0;
            LinkCheck::NoData(without_data)
        } else if now.saturating_duration_since(self.pinged) >= ping_interval {
            self.pinged = now;
            LinkCheck::PingDue
        } else {
            LinkCheck::Fine
        }
    }

    /// When to look next. Not before there can be another finding, so that a link with data costs two looks per
    /// `ping_interval` at most and not one per message.
    #[must_use]
    pub fn next_look(&self) -> Instant {
        let KeepAliveTimeouts {
            stall_timeout,
            ping_interval,
        } = self.patience;
        let next = (self.pinged + ping_interval).min(self.heard + stall_timeout);
        match (self.is_silence_known, self.silence.has_cost_a_link) {
            (false, _) => next.min(self.data + stall_timeout),
            (true, false) => next.min(self.data + self.hopeless_after()),
            (true, true) => next,
        }
    }

    fn hopeless_after(&self) -> Duration {
        self.patience.stall_timeout * NO_DATA_STALL_FACTOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: KeepAliveTimeouts = KeepAliveTimeouts {
        stall_timeout: Duration::from_secs(10),
        ping_interval: Duration::from_secs(4),
    };

    struct Fixture {
        start: Instant,
        liveness: KeepAlive,
    }

    impl Fixture {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                start,
                liveness: KeepAlive::new(PATIENCE, start, Silence::default()),
            }
        }

        fn at(&self, seconds: u64) -> Instant {
            self.start + Duration::from_secs(seconds)
        }

        fn next(&self) -> u64 {
            (self.liveness.next_look() - self.start).as_secs()
        }

        fn look(&mut self, seconds: u64) -> LinkCheck {
            self.liveness.look(self.at(seconds))
        }
    }

    #[test]
    fn a_link_with_data_is_only_pinged() {
        let mut fixture = Fixture::new();
        for second in 0..100 {
            fixture.liveness.data(fixture.at(second));
            let expected = if second % 4 == 0 && second > 0 {
                LinkCheck::PingDue
            } else {
                LinkCheck::Fine
            };
            assert_eq!(fixture.look(second), expected, "at {second} s");
        }
    }

    #[test]
    fn nothing_at_all_is_death() {
        let mut fixture = Fixture::new();
        fixture.liveness.data(fixture.at(3));
        assert_eq!(fixture.look(12), LinkCheck::PingDue);
        assert_eq!(fixture.next(), 13);
        assert_eq!(fixture.look(13), LinkCheck::Dead(Duration::from_secs(10)));
    }

    #[test]
    fn pongs_without_data_are_said_once_and_borne_three_times_as_long() {
        let mut fixture = Fixture::new();
        let mut findings = Vec::new();
        for second in 1..=30 {
            fixture.liveness.heard(fixture.at(second));
            let finding = fixture.look(second);
            if !matches!(finding, LinkCheck::Fine | LinkCheck::PingDue) {
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
    fn data_ends_a_silence_and_the_next_one_is_found_again() {
        let mut fixture = Fixture::new();
        fixture.liveness.heard(fixture.at(9));
        assert_eq!(fixture.look(10), LinkCheck::NoData(Duration::from_secs(10)));
        fixture.liveness.data(fixture.at(12));
        fixture.liveness.heard(fixture.at(21));
        assert_eq!(fixture.look(22), LinkCheck::NoData(Duration::from_secs(10)));
    }

    /// Seconds from `from` on, each with a sign of life, until a link is given up for a silence.
    fn given_up_at(fixture: &mut Fixture, from: u64) -> Option<u64> {
        (from..from + 1000).find(|&second| {
            fixture.liveness.heard(fixture.at(second));
            matches!(fixture.look(second), LinkCheck::NoDataTimeout(_))
        })
    }

    #[test]
    fn a_silence_costs_one_link_until_there_is_a_stream_again() {
        let mut fixture = Fixture::new();
        assert_eq!(given_up_at(&mut fixture, 1), Some(30));
        let known = fixture.liveness.silence();
        assert!(known.is_told && known.has_cost_a_link);

        fixture.liveness = KeepAlive::new(PATIENCE, fixture.start, known);
        assert_eq!(given_up_at(&mut fixture, 1), None);
        // Single messages are no stream.
        for second in [2000, 2100, 2200, 2201, 2202] {
            fixture.liveness.data(fixture.at(second));
            assert_eq!(
                given_up_at(&mut fixture, second + 1).filter(|&at| at < second + 90),
                None
            );
        }
        assert_eq!(fixture.liveness.silence(), known);
        for message in 0..u64::from(STREAM_MESSAGES) {
            fixture.liveness.data(fixture.at(5000 + message));
        }
        assert_eq!(fixture.liveness.silence(), Silence::default());
        assert_eq!(given_up_at(&mut fixture, 5010), Some(5039));
    }

    #[test]
    fn parts_of_a_large_message_are_signs_of_life() {
        let mut fixture = Fixture::new();
        for second in 1..=9 {
            fixture.liveness.heard(fixture.at(3 * second));
            assert!(!matches!(fixture.look(3 * second), LinkCheck::Dead(_)));
        }
    }

    #[test]
    fn a_shorter_patience_holds_at_once() {
        let mut fixture = Fixture::new();
        fixture.liveness.set_patience(KeepAliveTimeouts {
            stall_timeout: Duration::from_secs(2),
            ping_interval: Duration::from_secs(1),
        });
        assert_eq!(fixture.next(), 1);
        assert_eq!(fixture.look(2), LinkCheck::Dead(Duration::from_secs(2)));
    }

    proptest! {
        /// Looking only when told to, nothing is found later than it could be, and looking never stands still.
        #[test]
        fn next_look_is_never_late(steps in proptest::collection::vec((0u8..3, 0u64..9000), 1..60)) {
            let start = Instant::now();
            let mut now = start;
            let mut liveness = KeepAlive::new(PATIENCE, start, Silence::default());
            for (what, ms) in steps {
                let next = liveness.next_look();
                now += Duration::from_millis(ms);
                if next > now {
                    let mut early = KeepAlive { ..liveness };
                    prop_assert_eq!(early.look(now), LinkCheck::Fine);
                } else {
                    now = next;
                    match liveness.look(now) {
                        LinkCheck::Fine => prop_assert!(false, "nothing was due"),
                        LinkCheck::Dead(_) | LinkCheck::NoDataTimeout(_) => break,
                        LinkCheck::PingDue | LinkCheck::NoData(_) => {}
                    }
                }
                match what {
                    0 => { liveness.data(now); }
                    1 => liveness.heard(now),
                    _ => {}
                }
            }
        }
    }
}
