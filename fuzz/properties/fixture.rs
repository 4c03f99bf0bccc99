//! Fixture of both streams: statistics, queues, parameters and a clock.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use sensr_bridge::config::ResolvedConfig;
use sensr_bridge::metrics::Metrics;
use sensr_bridge::metrics::ledger::Account;
use sensr_bridge::pipeline::publish::Sink;
use sensr_bridge::pipeline::queues::Queues;
use sensr_bridge::time::stamp::{Arrival, Stamp};
use sensr_bridge::topic::{AnyTopic, Switch};
use tokio::sync::watch;

use super::input::Input;
use super::memory;

/// Time between two frames.
const FRAME_PERIOD: Duration = Duration::from_millis(60);

/// Size for one small message, so that others are dropped.
const SMALL_QUEUE: usize = 600;
const LARGE_QUEUE: usize = 64 << 20;

static DEFAULTS: LazyLock<ResolvedConfig> = LazyLock::new(ResolvedConfig::default);

/// Reads two bytes of choices and the frames from `data` and passes them to `run`, whose memory must not exceed `growth`
/// times the bytes of the frames plus `constant`.
pub(super) fn run_bounded(
    data: &[u8],
    growth: usize,
    constant: usize,
    run: impl FnOnce(&[&[u8]], u8, u8),
) {
    let mut input = Input(data);
    let [switches, others] = [input.byte(), input.byte()];
    let frames = input.messages();
    let bytes: usize = frames.iter().map(|frame| frame.len()).sum();
    let peak = memory::peak_allocation_of(|| run(&frames, switches, others));
    assert!(
        peak <= growth * bytes + constant,
        "{bytes} bytes took {peak} bytes of memory"
    );
}

/// Statistics, queues and parameters of one run.
pub(super) struct Fixture {
    pub(super) stats: Arc<Metrics>,
    pub(super) queues: Queues,
    pub(super) config: watch::Receiver<Arc<ResolvedConfig>>,
    start: Instant,
    frames: u32,
}

impl Fixture {
    /// Creates a fixture. `switches` has a bit for each topic that is off. `others`: interval (2 bits), queue size
    /// (1 bit), topics of single sensors (1 bit).
    pub(super) fn new(switches: u8, others: u8) -> Self {
        let interval = match others & 3 {
            0 => Duration::ZERO,
            1 => Duration::from_millis(100),
            2 => Duration::from_millis(150),
            _ => Duration::from_secs(3600),
        };
        let config = DEFAULTS.with_changes(|config| {
            config.publish = std::array::from_fn::<_, { Switch::ALL.len() }, _>(|i| {
                u32::from(switches) >> i & 1 == 0
            });
            config.pointcloud_interval = interval;
            config.output_data_interval = interval;
            config.split_raw_by_sensor = others & 8 != 0;
        });
        let queue_bytes = if others & 4 == 0 {
            LARGE_QUEUE
        } else {
            SMALL_QUEUE
        };
        Self {
            stats: Arc::default(),
            queues: Queues::new(queue_bytes),
            // The receiver keeps the last value after the sender is dropped.
            config: watch::channel(Arc::new(config)).1,
            start: Instant::now(),
            frames: 0,
        }
    }

    /// Returns the time of the next frame.
    pub(super) fn next_arrival(&mut self) -> Arrival {
        self.frames += 1;
        Arrival {
            stamp: Stamp { sec: 1, nanosec: 2 },
            instant: self.start + FRAME_PERIOD * self.frames,
        }
    }

    pub(super) fn assert_balance(&self) {
        assert_balance(&self.stats);
    }

    /// Requires that the ledger balances without queued messages.
    pub(super) fn assert_nothing_queued(&self) {
        self.assert_balance();
        for (topic, account) in AnyTopic::all().zip(self.stats.ledger.snapshot()) {
            assert_eq!(account.queued, 0, "{topic:?}: {account}");
        }
    }

    pub(super) fn account(&self, topic: impl Into<AnyTopic>) -> Account {
        self.stats.ledger.snapshot()[topic.into().index()]
    }
}

fn assert_balance(stats: &Metrics) {
    for (topic, account) in AnyTopic::all().zip(stats.ledger.snapshot()) {
        assert!(account.balances(), "{topic:?}: {account}");
    }
}

/// Sink that inspects each message.
pub(super) struct Inspector<F> {
    pub(super) stats: Arc<Metrics>,
    /// Bit 0: every other topic has no subscriber. Bit 1: publishing fails.
    pub(super) faults: u8,
    pub(super) inspect: F,
}

impl<F: FnMut(AnyTopic, &[u8])> Sink for Inspector<F> {
    type Error = &'static str;

    fn subscribers(&self, topic: AnyTopic) -> usize {
        usize::from(self.faults & 1 == 0 || topic.index().is_multiple_of(2))
    }

    fn publish(&mut self, topic: AnyTopic, message: &[u8]) -> Result<(), Self::Error> {
        assert_balance(&self.stats);
        (self.inspect)(topic, message);
        if self.faults & 2 == 0 {
            Ok(())
        } else {
            Err("full")
        }
    }
}
