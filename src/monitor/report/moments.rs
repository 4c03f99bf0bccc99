//! Worst moments of the run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::connection::status::LinkState;
use crate::diagnostics::format_duration;
use crate::monitor::sample::{BridgeSample, LinkSample};
use crate::time::stamp::Stamp;

/// Fill of a queue from which it is worth a line.
const NOTABLE_FILL: f64 = 0.5;
const NS_PER_SECOND: f64 = 1e9;

/// Kind of a moment, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MomentKind {
    /// The bridge was started again.
    Restart,
    /// A link was down.
    LinkDown,
    /// Messages were lost in the bridge.
    Loss,
    /// Messages are missing in the recording.
    Missing,
    /// No statistics arrived.
    Silence,
    /// A queue was filled.
    Queue,
    /// A message took long from the socket to the middleware.
    Slow,
}

/// Worst moment of its kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Kind.
    pub kind: MomentKind,
    /// Time, nanoseconds since the Unix epoch, on the clock of the bridge's machine.
    pub stamp_ns: i64,
    /// The same as RFC 3339 in UTC.
    pub time: String,
    /// Event.
    pub text: String,
}

/// Worst moments so far, one of each kind.
#[derive(Debug, Default)]
pub(super) struct WorstMoments {
    moments: BTreeMap<MomentKind, (f64, Moment)>,
    /// Time at which each link that is down was seen to be, nanoseconds.
    down_since_ns: BTreeMap<String, i64>,
}

impl WorstMoments {
    /// Enters a moment if it is the worst of its kind.
    pub(super) fn enter(&mut self, kind: MomentKind, size: f64, stamp_ns: i64, text: String) {
        let is_worst = self
            .moments
            .get(&kind)
            .is_none_or(|(worst, _)| size > *worst);
        if is_worst {
            let moment = Moment {
                kind,
                stamp_ns,
                time: Stamp::from_ns(stamp_ns).utc(),
                text,
            };
            self.moments.insert(kind, (size, moment));
        }
    }

    /// Enters what a sample tells of links and stages, and the fill of its fullest queue.
    pub(super) fn observe(&mut self, sample: &BridgeSample, queue_fill: f64) {
        for link in &sample.links {
            self.observe_link(link, sample.stamp_ns);
        }
        if queue_fill >= NOTABLE_FILL {
            let text = format!("a queue was filled to {:.0} %", 100.0 * queue_fill);
            self.enter(MomentKind::Queue, queue_fill, sample.stamp_ns, text);
        }
        let totals = sample.stages.iter().filter(|stage| stage.stage == "total");
        for stage in totals.filter(|stage| stage.count > 0) {
            #[expect(clippy::cast_precision_loss, reason = "only for display")]
            let milliseconds = stage.max_ns as f64 / 1e6;
            let text = format!(
                "a message of the {} link took {milliseconds:.1} ms from the socket to the middleware",
                stage.link
            );
            self.enter(MomentKind::Slow, milliseconds, sample.stamp_ns, text);
        }
    }

    fn observe_link(&mut self, link: &LinkSample, stamp_ns: i64) {
        let is_down = matches!(link.state, LinkState::Connecting | LinkState::Backoff);
        if !is_down {
            self.down_since_ns.remove(&link.name);
            return;
        }
        let since = *self
            .down_since_ns
            .entry(link.name.clone())
            .or_insert(link.state_since_ns.min(stamp_ns));
        #[expect(clippy::cast_precision_loss, reason = "only for display")]
        let seconds = stamp_ns.saturating_sub(since).max(0) as f64 / NS_PER_SECOND;
        let error = match link.last_error.as_str() {
            "" => String::new(),
            error => format!(": {error}"),
        };
        let duration = format_duration(std::time::Duration::from_secs_f64(seconds));
        let text = format!("the {} link was down for {duration}{error}", link.name);
        self.enter(MomentKind::LinkDown, seconds, since, text);
    }

    /// Forgets which links are down: another process has begun.
    pub(super) fn forget_links(&mut self) {
        self.down_since_ns.clear();
    }

    /// Returns the moments, the worst first.
    pub(super) fn list(&self) -> Vec<Moment> {
        let moments = self.moments.values();
        moments.map(|(_, moment)| moment.clone()).collect()
    }
}
