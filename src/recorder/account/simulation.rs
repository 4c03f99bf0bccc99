//! Simulated bridge, network and recorder, whose every message is known.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::PublishedCounts;
use super::ledger::{ClosedSplit, Ledger};
use crate::recorder::split_summary::{SplitIndex, SplitSummary, SplitTopic};

const SECOND: u64 = 1_000_000_000;
/// Start of the simulation on the clock of the machine.
const EPOCH: u64 = 1_700_000_000 * SECOND;
pub(super) const TOPICS: [&str; 3] = ["/site/points/raw", "/site/objects", "/site/events/zone"];

/// Conditions of a simulation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conditions {
    pub seed: u64,
    /// The bridge says nothing for 8 s around each end of a split.
    pub has_quiet_ends: bool,
    /// Longest time between publishing and receiving, s.
    pub latency: f64,
    /// Probability of a loss.
    pub loss: f64,
    /// Runs of the bridge.
    pub bridge_runs: usize,
    /// Longest time from the start of a run to its first statistics, s. Messages are published before.
    pub stall: f64,
    /// The bridge reports before it ends.
    pub reports_end: bool,
    /// The last run of the bridge reports before it ends.
    pub reports_last_end: bool,
    /// Bags, because the recorder is killed between them.
    pub bags: usize,
    /// Time by which the clock is set back in the middle, s.
    pub set_back: f64,
    pub index: SplitIndex,
}

impl Conditions {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            has_quiet_ends: false,
            latency: 0.05,
            loss: 0.02,
            bridge_runs: 1,
            stall: 0.0,
            reports_end: true,
            reports_last_end: true,
            bags: 1,
            set_back: 0.0,
            index: SplitIndex::Chunks,
        }
    }
}

/// Message on its way. Times are true times since the start, in ns.
#[derive(Debug, Clone, Copy)]
struct Message {
    topic: usize,
    published: u64,
    /// Time at which the recorder received it, if it recorded it.
    received: Option<u64>,
}

/// Split with the interval in which the recorder wrote it.
#[derive(Debug, Clone, Copy)]
struct SimulatedSplit {
    begins_bag: bool,
    start: u64,
    end: u64,
}

/// Simulation and what it knows.
pub(super) struct Simulation {
    conditions: Conditions,
    messages: Vec<Message>,
    splits: Vec<SimulatedSplit>,
    /// Statistics with their true time.
    statistics: Vec<(u64, PublishedCounts)>,
    set_back_at: u64,
}

/// Number of splits of a simulation, and the length of each.
pub(super) const SPLITS: usize = 6;
const SPLIT: u64 = 20 * SECOND;

impl Simulation {
    pub(super) fn new(conditions: Conditions) -> Self {
        let mut random = StdRng::seed_from_u64(conditions.seed);
        let end = SPLITS as u64 * SPLIT;
        let mut simulation = Self {
            conditions,
            messages: Vec::new(),
            splits: Vec::new(),
            statistics: Vec::new(),
            set_back_at: end / 2 + random.random_range(0..SPLIT),
        };
        for number in 0..SPLITS {
            let begins_bag = number * conditions.bags % SPLITS < conditions.bags;
            let start = number as u64 * SPLIT;
            simulation.splits.push(SimulatedSplit {
                begins_bag,
                // A new bag takes 3 s to begin.
                start: start + if begins_bag { 3 * SECOND } else { 0 },
                end: start + SPLIT,
            });
        }
        let runs = conditions.bridge_runs as u64;
        for run in 0..runs {
            let start = 5 * SECOND + run * (end - 10 * SECOND) / runs;
            let stop = 5 * SECOND + (run + 1) * (end - 10 * SECOND) / runs - 2 * SECOND;
            let stop = stop + random.random_range(0..SECOND);
            let reports_end = if run + 1 == runs {
                conditions.reports_last_end
            } else {
                conditions.reports_end
            };
            simulation.run_bridge(&mut random, start, stop, reports_end);
        }
        simulation.messages.sort_by_key(|message| message.published);
        simulation
    }

    fn run_bridge(&mut self, random: &mut StdRng, start: u64, stop: u64, reports_end: bool) {
        let stall = seconds(random.random_range(0.0..=self.conditions.stall));
        let first = self.messages.len();
        for topic in 0..TOPICS.len() {
            let mut time = start + random.random_range(0..SECOND);
            while time < stop {
                if !self.is_quiet(time) {
                    let received = self.receive(random, time);
                    self.messages.push(Message {
                        topic,
                        published: time,
                        received,
                    });
                }
                time += random.random_range(SECOND / 50..SECOND / 2);
            }
        }
        let mut time = start + stall + random.random_range(SECOND / 2..SECOND);
        while time < stop {
            self.report(first, start, time, false);
            time += SECOND + random.random_range(0..SECOND / 10);
        }
        if reports_end {
            self.report(first, start, stop, true);
        }
    }

    fn is_quiet(&self, time: u64) -> bool {
        let in_split = time % SPLIT;
        self.conditions.has_quiet_ends && !(4 * SECOND..SPLIT - 4 * SECOND).contains(&in_split)
    }

    /// Returns the time at which the recorder receives a message that it writes.
    fn receive(&self, random: &mut StdRng, published: u64) -> Option<u64> {
        let latency = random.random_range(0.0..=self.conditions.latency);
        let received = published + seconds(latency);
        let split = self
            .splits
            .iter()
            .position(|split| (split.start..split.end).contains(&received))?;
        let next = self.splits.get(split + 1);
        // A killed recorder loses its cache.
        let is_killed = next.is_some_and(|next| next.begins_bag);
        let is_in_cache = is_killed && received + SECOND / 2 > self.splits[split].end;
        (!is_in_cache && !random.random_bool(self.conditions.loss)).then_some(received)
    }

    fn report(&mut self, first: usize, start: u64, time: u64, is_final: bool) {
        let published = TOPICS.iter().enumerate().map(|(topic, name)| {
            let messages = self.messages[first..].iter();
            let counted = messages
                .filter(|message| message.topic == topic && message.published < time)
                .count();
            ((*name).to_owned(), counted as u64)
        });
        let published = published.collect();
        // A step of the clock moves the start, which is stamp minus uptime.
        let stamp_ns = self.clock(time);
        let counts = PublishedCounts {
            stamp_ns,
            run_start_ns: stamp_ns - (time - start),
            is_final,
            published,
            published_bytes: 0,
        };
        self.statistics.push((time, counts));
    }

    /// Returns what the clock of the machine shows at a true time.
    fn clock(&self, time: u64) -> u64 {
        let is_set_back = time >= self.set_back_at;
        let step = if is_set_back {
            self.conditions.set_back
        } else {
            0.0
        };
        EPOCH + time - seconds(step)
    }

    /// Passes everything to a ledger, in the order of time.
    pub(super) fn run(&self, mut after_split: impl FnMut(&Ledger)) -> Ledger {
        let mut ledger = Ledger::new(Box::new(|_| true));
        let mut statistics = self.statistics.iter().peekable();
        for split in &self.splits {
            while let Some((time, counts)) = statistics.next_if(|(time, _)| *time <= split.end) {
                let offset = i128::from(self.clock(*time)) - i128::from(*time);
                ledger.on_statistics(counts, offset);
            }
            self.close(&mut ledger, split);
            after_split(&ledger);
        }
        for (time, counts) in statistics {
            let offset = i128::from(self.clock(*time)) - i128::from(*time);
            ledger.on_statistics(counts, offset);
        }
        ledger.finish();
        ledger
    }

    fn close(&self, ledger: &mut Ledger, split: &SimulatedSplit) {
        // Other nodes publish on /rosout ten times a second.
        let others = (split.start..split.end).step_by(100_000_000);
        let others = others.map(|time| ("/rosout", self.clock(time)));
        let own = self
            .in_split(split)
            .map(|(topic, time)| (TOPICS[topic], self.clock(time)));
        let messages: Vec<(&str, u64)> = others.chain(own).collect();
        let mut topics: BTreeMap<String, SplitTopic> = BTreeMap::new();
        for (topic, _) in &messages {
            topics.entry((*topic).to_owned()).or_default().count += 1;
        }
        let times = || messages.iter().map(|&(_, time)| time);
        let summary = SplitSummary {
            topics,
            message_count: messages.len() as u64,
            start_ns: times().min().unwrap_or(0),
            end_ns: times().max().unwrap_or(0),
            bytes: 0,
            chunks: 0,
            index: self.conditions.index,
        };
        ledger.check_clock(i128::from(self.clock(split.end)) - i128::from(split.end));
        let wanted = ledger.times_within(summary.start_ns, summary.end_ns);
        let counts = wanted.into_iter().map(|time| {
            let mut counts = BTreeMap::new();
            for (topic, _) in messages.iter().filter(|(_, received)| *received < time) {
                *counts.entry((*topic).to_owned()).or_default() += 1;
            }
            (time, counts)
        });
        ledger.close_split(&ClosedSplit {
            summary: &summary,
            begins_bag: split.begins_bag,
            latched: &BTreeSet::new(),
            counts: (self.conditions.index == SplitIndex::Chunks).then(|| counts.collect()),
            late: self.received_since(&ledger.late_times(), split.start),
        });
    }

    /// Returns the messages of splits before a true time that were received at each time of the clock or later.
    fn received_since(&self, times: &[u64], until: u64) -> BTreeMap<u64, BTreeMap<String, u64>> {
        let closed = self.splits.iter().filter(|split| split.end <= until);
        let received: Vec<(usize, u64)> = closed.flat_map(|split| self.in_split(split)).collect();
        let since = times.iter().map(|&time| {
            let mut counts = BTreeMap::new();
            for &(topic, received) in &received {
                if self.clock(received) >= time {
                    *counts.entry(TOPICS[topic].to_owned()).or_default() += 1;
                }
            }
            (time, counts)
        });
        since.collect()
    }

    /// Returns topic and true time of the messages in a split.
    fn in_split(&self, split: &SimulatedSplit) -> impl Iterator<Item = (usize, u64)> {
        let (start, end) = (split.start, split.end);
        self.messages.iter().filter_map(move |message| {
            let received = message
                .received
                .filter(|time| (start..end).contains(time))?;
            Some((message.topic, received))
        })
    }

    /// Messages of a topic that were published.
    pub(super) fn published(&self, topic: usize) -> u64 {
        let messages = self.messages.iter();
        messages.filter(|message| message.topic == topic).count() as u64
    }

    /// Messages of a topic in the last report of each run.
    pub(super) fn reported(&self, topic: usize) -> u64 {
        let mut sum = 0;
        let mut last = 0;
        for (_, counts) in &self.statistics {
            let count = counts.published[TOPICS[topic]];
            if count < last {
                sum += last;
            }
            last = count;
        }
        sum + last
    }

    /// Messages of a topic that were published up to the end of a split, after the previous one, and never recorded.
    pub(super) fn missing(&self, topic: usize, split: usize) -> u64 {
        let end = self.splits[split].end;
        let start = split
            .checked_sub(1)
            .map_or(0, |before| self.splits[before].end);
        let messages = self.messages.iter();
        messages
            .filter(|message| message.topic == topic && message.received.is_none())
            .filter(|message| (start..end).contains(&message.published))
            .count() as u64
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn seconds(value: f64) -> u64 {
    (value * 1e9) as u64
}
