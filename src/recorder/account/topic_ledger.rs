//! Deficits of one topic.

use super::history::{Snapshot, SnapshotKind};

/// Time after the start of a bag in which the subscription to a topic is awaited.
const SUBSCRIPTION_NS: u64 = 10_000_000_000;

/// Number of snapshots of which at least one is taken when no message is on its way. They are a second apart.
const ENOUGH_SNAPSHOTS: usize = 5;

/// Result of a comparison of one split with the snapshots up to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Deficits {
    /// Least deficit since the end of the previous split. `None` if there was no snapshot.
    pub least: Option<u64>,
    /// Number of the snapshots.
    pub snapshots: usize,
    /// Loss up to the end of the split, as far as it is known.
    pub at_end: u64,
    /// The messages that were due at the start are not known; those until the first snapshot count as recorded.
    pub is_base_assumed: bool,
}

/// Reason why the deficit at the start of the next bag is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// First bag of `sensr_recorder`.
    Start,
    /// Recording was paused on purpose when this number of messages had been published.
    Pause { published: u64 },
    /// The topic is latched, so that a new subscription receives messages again.
    Latched,
}

/// Start of a bag in which the deficit is not known yet.
#[derive(Debug, Clone, Copy)]
struct OpenBase {
    cause: Cause,
    /// Start of the bag.
    since_ns: Option<u64>,
    /// Messages published before the start of the bag.
    published: Option<u64>,
    /// Messages received in earlier bags.
    received: u64,
}

impl OpenBase {
    /// Returns whether nothing was published between the last bag, or the start of the bridge, and this bag.
    fn is_continuous(&self, since_ns: u64, first_run_ns: Option<u64>) -> bool {
        match self.cause {
            Cause::Start => self.published.map_or_else(
                || first_run_ns.is_some_and(|start| start >= since_ns),
                |before| before == 0,
            ),
            Cause::Pause { published } => self.published.is_none_or(|before| before == published),
            Cause::Latched => false,
        }
    }
}

/// Figures of one topic over all splits.
#[derive(Debug)]
pub(super) struct TopicLedger {
    /// Messages in closed splits.
    received: u64,
    /// Messages published that are not due: deficit = published - received - offset.
    offset: i128,
    /// The deficit cannot be less, because it was known when `offset` was determined.
    floor: u64,
    open_base: Option<OpenBase>,
    /// Loss up to the end of the last split, as far as it is known.
    lost: u64,
    is_excluded: bool,
}

/// Split, as far as one topic needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopicInSplit {
    /// Messages of the topic in the split.
    pub total: u64,
    /// Earliest `log_time` of the split, if it has messages.
    pub start_ns: Option<u64>,
    /// Start of the first run of the bridge that was heard.
    pub first_run_ns: Option<u64>,
    /// Latest `log_time` of the earlier splits.
    pub closed_until_ns: Option<u64>,
}

impl TopicLedger {
    /// Begins when a topic is first counted. `received` of it are in closed splits, the first of which began at
    /// `begun_ns`.
    pub(super) fn new(received: u64, begun_ns: Option<u64>) -> Self {
        Self {
            received,
            offset: 0,
            floor: 0,
            open_base: Some(OpenBase {
                cause: Cause::Start,
                since_ns: begun_ns.filter(|_| received > 0),
                published: None,
                received: 0,
            }),
            lost: 0,
            is_excluded: false,
        }
    }

    /// Notes a pause: what is published between now and the next bag is not due.
    pub(super) fn pause(&mut self, published: u64) {
        if !self.awaits(Cause::Start) {
            self.open(Cause::Pause { published });
        }
    }

    /// Notes that the recorder subscribes again, and receives the last messages again.
    pub(super) fn subscribe_again(&mut self) {
        if self.open_base.is_none() {
            self.open(Cause::Latched);
        }
    }

    /// Excludes the topic from recording, or includes it again.
    pub(super) fn exclude(&mut self, is_excluded: bool, published: u64) {
        if is_excluded && !self.is_excluded {
            self.pause(published);
        }
        self.is_excluded = is_excluded;
    }

    /// Messages in closed splits.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    fn open(&mut self, cause: Cause) {
        self.open_base = Some(OpenBase {
            cause,
            since_ns: None,
            published: None,
            received: self.received,
        });
    }

    fn awaits(&self, cause: Cause) -> bool {
        self.open_base.is_some_and(|base| base.cause == cause)
    }

    /// Compares the snapshots up to the end of a split with it. `snapshots` have the messages published, and those of
    /// this split that were received before, if that is known.
    pub(super) fn compare<'a>(
        &mut self,
        snapshots: impl IntoIterator<Item = (&'a Snapshot, u64, Option<u64>)>,
        split: TopicInSplit,
    ) -> Deficits {
        let mut known = Known::default();
        if let (Some(base), Some(start_ns)) = (&mut self.open_base, split.start_ns) {
            base.since_ns.get_or_insert(start_ns);
        }
        let mut unindexed = None;
        if !self.is_excluded {
            for (snapshot, published, received) in snapshots {
                let Some(received) = received else {
                    unindexed = Some(published);
                    self.close_known_base(split);
                    continue;
                };
                self.add(&mut known, snapshot, published, received, split);
            }
        }
        self.close_segment(&mut known);
        self.received += split.total;
        let at_end = known.at_end().or_else(|| {
            // Less what was received after the snapshot, so rather too few.
            let published = unindexed.filter(|_| self.open_base.is_none())?;
            Some(self.clamped(self.due(published, 0)))
        });
        if known.deficits.len() >= ENOUGH_SNAPSHOTS || known.deficits.is_empty() {
            self.lost = at_end.map_or(self.lost, |lost| lost.max(self.floor));
        }
        Deficits {
            least: known.least(),
            snapshots: known.deficits.len(),
            at_end: self.lost,
            is_base_assumed: known.is_base_assumed,
        }
    }

    /// Returns the loss at the end, when all has been received that ever will be.
    pub(super) fn settle(&mut self, published: u64, first_run_ns: Option<u64>) -> u64 {
        if self.is_excluded {
            return self.lost;
        }
        if let Some(base) = self.open_base.take() {
            let was_silent = base.cause == Cause::Latched && self.received == base.received;
            let since_ns = base.since_ns.unwrap_or(u64::MAX);
            let is_continuous = was_silent || base.is_continuous(since_ns, first_run_ns);
            if !is_continuous {
                let due = match base.published {
                    Some(before) if self.received == base.received => before,
                    _ => published,
                };
                self.rebase(self.due(due, 0) + self.offset);
            }
        }
        let raw = self.due(published, 0) + self.offset;
        self.lower_offset(raw);
        self.lost = self.clamped(raw - self.offset);
        self.lost
    }

    /// Messages that are due and were not received, if `received` of the present split were.
    fn due(&self, published: u64, received: u64) -> i128 {
        i128::from(published) - i128::from(self.received) - i128::from(received) - self.offset
    }

    fn clamped(&self, deficit: i128) -> u64 {
        u64::try_from(deficit).unwrap_or(0).max(self.floor)
    }

    /// Continues with the present loss when `raw` is published less received.
    fn rebase(&mut self, raw: i128) {
        self.floor = self.lost;
        self.offset = raw - i128::from(self.floor);
    }

    fn lower_offset(&mut self, raw: i128) {
        self.offset = self.offset.min(raw - i128::from(self.floor));
    }

    fn add(
        &mut self,
        known: &mut Known,
        snapshot: &Snapshot,
        published: u64,
        received: u64,
        split: TopicInSplit,
    ) {
        let raw = self.due(published, received) + self.offset;
        let time_ns = snapshot.time_ns;
        if snapshot.kind == SnapshotKind::UnreportedEnd {
            self.close_segment(known);
            // Messages that arrived since the last snapshot may have been published after it.
            let arrived = u64::try_from(raw - self.offset).unwrap_or(0);
            self.lost = arrived.max(known.floor().unwrap_or(self.lost));
            self.rebase(raw);
            // An end that was heard of too late says nothing about the loss at the end of the earlier splits.
            if split.closed_until_ns.is_none_or(|until| time_ns > until) {
                known.deficits.push((time_ns, self.lost));
            }
            return;
        }
        if let Some(mut base) = self.open_base.take() {
            let since_ns = base.since_ns.unwrap_or(u64::MAX);
            if time_ns <= since_ns {
                base.published = Some(published);
                self.open_base = Some(base);
                if base.cause != (Cause::Start) {
                    known.gap.push((time_ns, raw));
                }
                return;
            }
            if !self.try_base(known, base, split, (time_ns, published, received)) {
                self.open_base = Some(base);
                return;
            }
        }
        known.segment.push((time_ns, raw));
    }

    /// Ends the search for the offset if nothing was published between the last bag and this one.
    fn close_known_base(&mut self, split: TopicInSplit) {
        self.open_base = self.open_base.take().filter(|base| {
            let since_ns = base.since_ns.unwrap_or(u64::MAX);
            !base.is_continuous(since_ns, split.first_run_ns)
        });
    }

    /// Determines the offset at the start of a bag. Returns whether it is known now.
    fn try_base(
        &mut self,
        known: &mut Known,
        base: OpenBase,
        split: TopicInSplit,
        (time_ns, published, received): (u64, u64, u64),
    ) -> bool {
        let since_ns = base.since_ns.unwrap_or(u64::MAX);
        let gap = std::mem::take(&mut known.gap);
        let is_continuous = base.is_continuous(since_ns, split.first_run_ns);
        if is_continuous || base.cause == Cause::Latched {
            known.segment.extend(gap);
        }
        if is_continuous {
            return true;
        }
        self.close_segment(known);
        if base.cause == Cause::Latched {
            self.lost = known.least().unwrap_or(self.lost);
        }
        if self.received + received > base.received {
            let raw = self.due(published, received) + self.offset;
            if base.cause == Cause::Latched {
                // Messages that were received before do not count again; those that fell out of the history are lost.
                self.floor = self.lost;
                self.lower_offset(raw);
            } else {
                self.rebase(raw);
                known.is_base_assumed |= base.published != Some(0);
            }
            return true;
        }
        if time_ns <= since_ns.saturating_add(SUBSCRIPTION_NS) {
            return false;
        }
        // The topic was not received at all: all that is published since the start of the bag is missing.
        if base.cause != Cause::Latched {
            let before = base.published.unwrap_or(published);
            self.rebase(self.due(before, 0) + self.offset);
        }
        true
    }

    /// Turns the values since the last change of the offset into deficits.
    fn close_segment(&mut self, known: &mut Known) {
        for &(_, raw) in &known.segment {
            self.lower_offset(raw);
        }
        for (time_ns, raw) in std::mem::take(&mut known.segment) {
            known
                .deficits
                .push((time_ns, self.clamped(raw - self.offset)));
        }
    }
}

/// Deficits known so far in one comparison, with their times.
#[derive(Debug, Default)]
struct Known {
    deficits: Vec<(u64, u64)>,
    /// Published less received since the last change of the offset.
    segment: Vec<(u64, i128)>,
    /// The same before the start of a bag.
    gap: Vec<(u64, i128)>,
    is_base_assumed: bool,
}

impl Known {
    fn least(&self) -> Option<u64> {
        self.deficits.iter().map(|&(_, deficit)| deficit).min()
    }

    /// Returns the least of the last two deficits.
    fn floor(&self) -> Option<u64> {
        let last = self.deficits.iter().rev().take(2);
        last.map(|&(_, deficit)| deficit).min()
    }

    /// Returns the least deficit of the last seconds, or of all if there are few.
    fn at_end(&self) -> Option<u64> {
        let last = self.deficits.iter().rev().take(ENOUGH_SNAPSHOTS);
        last.map(|&(_, deficit)| deficit).min()
    }
}
