//! Runner of faults: those of the script, of chaos mode and on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::chaos::Chaos;
use super::corrupt::random_garbage;
use super::events::FaultEvent;
use super::kind::FaultKind;
use super::one_shot::{self, FaultGuard, OneShotFault};
use super::target::{ActiveFault, FaultTarget};
use super::{Fault, Links, TimedFault};
use crate::close::{Close, Disconnect};
use crate::error::SimError;
use crate::output::{overflow_event, timestamp_only};
use crate::port_state::{PortMode, PortState};
use crate::send_queue::OngoingFault;
use crate::shared_state::SharedState;
use tokio_util::sync::CancellationToken;

/// Capacity of the queue of requested faults.
const CAPACITY: usize = 64;

/// Handle that requests faults from a running server.
#[derive(Debug, Clone)]
pub struct Injector {
    requests: mpsc::Sender<Fault>,
    plays_bag: bool,
}

/// Error of [`Injector::inject`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InjectError {
    /// A bag is played, whose frames carry the time of the recording.
    #[error("{0} cannot be used with a bag: its frames are sent as they were recorded")]
    WithBag(FaultKind),
    /// The run is over.
    #[error("the run is over")]
    Finished,
}

impl Injector {
    /// Returns the handle and the receiver of its requests.
    pub(crate) fn new(plays_bag: bool) -> (Self, mpsc::Receiver<Fault>) {
        let (requests, receiver) = mpsc::channel(CAPACITY);
        (
            Self {
                requests,
                plays_bag,
            },
            receiver,
        )
    }

    /// Begins a fault at once.
    pub async fn inject(&self, fault: Fault) -> Result<(), InjectError> {
        if self.plays_bag && !fault.kind.supports_bags() {
            return Err(InjectError::WithBag(fault.kind));
        }
        let sent = self.requests.send(fault).await;
        sent.map_err(|_| InjectError::Finished)
    }
}

/// Runner of faults until `closing` is cancelled, which also ends the active ones.
#[derive(Debug)]
pub(crate) struct FaultRunner {
    shared: Arc<SharedState>,
    points: Arc<PortState>,
    output: Arc<PortState>,
    closing: CancellationToken,
    rng: Mutex<SmallRng>,
}

impl FaultRunner {
    pub(crate) fn new(
        shared: Arc<SharedState>,
        points: Arc<PortState>,
        output: Arc<PortState>,
        closing: CancellationToken,
    ) -> Self {
        let seed = shared.options.chaos.map_or(0, |chaos| chaos.seed);
        Self {
            shared,
            points,
            output,
            closing,
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
        }
    }

    /// Runs until every fault has ended; some end only with their connections.
    pub(crate) async fn run(self, mut requests: mpsc::Receiver<Fault>) -> Result<(), SimError> {
        let this = Arc::new(self);
        let closing = this.closing.clone();
        let mut active = JoinSet::new();
        active.spawn(Arc::clone(&this).run_script());
        active.spawn(Arc::clone(&this).run_chaos());
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(fault) = requests.recv() => {
                    active.spawn(Arc::clone(&this).run_fault(fault));
                }
                Some(ended) = active.join_next() => ended.map_err(|error| task_error(&error))?,
            }
        }
        drop(requests);
        while let Some(ended) = active.join_next().await {
            ended.map_err(|error| task_error(&error))?;
        }
        Ok(())
    }

    /// Runs the faults of the script and of the command line at their times.
    async fn run_script(self: Arc<Self>) {
        let mut faults = self.shared.options.faults.clone();
        if faults.is_empty() {
            return;
        }
        faults.sort_by_key(|timed| timed.at);
        let closing = self.closing.clone();
        let mut active = JoinSet::new();
        let begin_all = async {
            let start = self.shared.wait_for_start().await;
            for TimedFault { at, fault } in faults {
                tokio::time::sleep_until((start + at).into()).await;
                active.spawn(Arc::clone(&self).run_fault(fault));
            }
        };
        tokio::select! {
            () = begin_all => {}
            () = closing.cancelled() => {}
        }
        active.join_all().await;
    }

    /// Runs random faults one after the other.
    async fn run_chaos(self: Arc<Self>) {
        let Some(options) = self.shared.options.chaos else {
            return;
        };
        let closing = self.closing.clone();
        tokio::select! {
            _ = self.shared.wait_for_start() => {}
            () = closing.cancelled() => return,
        }
        for (pause, fault) in Chaos::new(&options, self.shared.plays_bag()) {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = closing.cancelled() => return,
            }
            Arc::clone(&self).run_fault(fault).await;
        }
    }

    /// Runs one fault from its beginning to its end and publishes both.
    async fn run_fault(self: Arc<Self>, fault: Fault) {
        let closing = self.closing.clone();
        if closing.is_cancelled() {
            return;
        }
        let (guard, guards) = one_shot::guard_pair();
        let active = self.begin_fault(&fault, &guard).await;
        drop(guard);
        log::info!("fault: {fault}");
        self.shared.fault_events.publish(FaultEvent::Fault {
            fault: fault.kind,
            link: fault.links,
            at: self.elapsed_secs(),
            clients: active.clients,
            secs: active
                .jump_secs
                .or(fault.secs)
                .or(fault.kind.default_secs()),
        });
        if let Some(duration) = active.duration {
            tokio::select! {
                () = tokio::time::sleep(duration) => {}
                () = closing.cancelled() => {}
            }
        }
        drop(active.ongoing);
        for mode in active.ports {
            let port = Arc::clone(mode.port());
            drop(mode);
            tokio::select! {
                () = port.wait_listening(true) => {}
                () = closing.cancelled() => {}
            }
        }
        guards.wait_released().await;
        log::info!("recovered: {fault}");
        self.shared.fault_events.publish(FaultEvent::Recovered {
            fault: fault.kind,
            link: fault.links,
            at: self.elapsed_secs(),
        });
    }

    /// Returns the seconds since the clock started, rounded to milliseconds.
    fn elapsed_secs(&self) -> f64 {
        (self.shared.elapsed_secs() * 1000.0).round() / 1000.0
    }

    /// Begins a fault on its links.
    async fn begin_fault(&self, fault: &Fault, guard: &FaultGuard) -> ActiveFault {
        let mut active = ActiveFault::default();
        let points = FaultTarget::new(&self.shared.points, &self.points);
        let output = FaultTarget::new(&self.shared.output, &self.output);
        if fault.links != Links::Output {
            self.begin_on_link(&points, fault, guard, &mut active).await;
        }
        if fault.links != Links::Points {
            self.begin_on_link(&output, fault, guard, &mut active).await;
        }
        if fault.kind == FaultKind::Clock {
            active.jump_secs = Some(self.jump_clock(fault));
        }
        active
    }

    /// Begins a fault on one link.
    async fn begin_on_link(
        &self,
        target: &FaultTarget<'_>,
        fault: &Fault,
        guard: &FaultGuard,
        active: &mut ActiveFault,
    ) {
        target.broadcast.counters.record_fault(fault.kind);
        let duration = fault.duration();
        let clients = match fault.kind {
            FaultKind::Refuse => {
                active
                    .close_port(target, duration, self.closing.clone())
                    .await;
                target.disconnect(Disconnect::Immediate, None)
            }
            FaultKind::Restart => {
                let clients = target.close_now(Close::RESTARTING);
                active
                    .close_port(target, duration, self.closing.clone())
                    .await;
                clients
            }
            FaultKind::Mute => {
                active.set_port_mode(target, PortMode::Mute, duration);
                target.disconnect(Disconnect::Immediate, None)
            }
            FaultKind::Reject => {
                active.set_port_mode(target, PortMode::Reject, duration);
                target.disconnect(Disconnect::Immediate, None)
            }
            FaultKind::Stall => active.begin_ongoing(target, OngoingFault::Stall, duration),
            FaultKind::Silent => active.begin_ongoing(target, OngoingFault::Silence, duration),
            FaultKind::Fragmented => {
                active.begin_ongoing(target, OngoingFault::Fragments, duration)
            }
            FaultKind::HalfOpen => target.disconnect(Disconnect::HalfOpen(duration), Some(guard)),
            FaultKind::Close => target.close_after_queued(Close::CLOSE_FAULT, guard),
            FaultKind::Overflow => self.overflow_clients(target, guard),
            FaultKind::Clock => 0,
            FaultKind::Cut => target.queue_fault(&OneShotFault::Cut, guard),
            FaultKind::Garbage => target.queue_fault(
                &OneShotFault::Inject(random_garbage(&mut self.rng())),
                guard,
            ),
            FaultKind::Truncated => target.queue_fault(&OneShotFault::Truncated, guard),
            FaultKind::Text => target.queue_fault(&OneShotFault::Text, guard),
            FaultKind::Nonsense => target.queue_fault(&OneShotFault::Nonsense, guard),
            FaultKind::Oversized => target.queue_fault(&OneShotFault::Oversized, guard),
            FaultKind::Pings => target.queue_fault(&OneShotFault::Pings, guard),
            FaultKind::Drip => target.queue_fault(&OneShotFault::Drip(duration), guard),
            FaultKind::Empty => target.queue_fault(&self.empty_fault(target), guard),
            FaultKind::Nan => target.queue_fault(&OneShotFault::NonFinite, guard),
        };
        active.clients += clients;
    }

    /// Returns the `empty` fault of this stream: the next clouds lose their points, or an extra output message with only
    /// the time is sent. Emptying an output message would lose its events without being counted.
    fn empty_fault(&self, target: &FaultTarget<'_>) -> OneShotFault {
        if target.is_link(&self.shared.points) {
            OneShotFault::Empty
        } else {
            OneShotFault::Inject(timestamp_only(self.shared.clock.now_ns()))
        }
    }

    fn overflow_clients(&self, target: &FaultTarget<'_>, guard: &FaultGuard) -> u64 {
        let event = overflow_event(self.shared.clock.now_ns());
        let is_output = target.is_link(&self.shared.output);
        let clients = target.overflow(|| is_output.then(|| event.clone()), guard);
        self.shared.report_overflow(clients, &event);
        clients
    }

    /// Moves the clock and returns by how much; without a given size the direction is random.
    fn jump_clock(&self, fault: &Fault) -> f64 {
        let default_secs = FaultKind::Clock.default_secs().unwrap_or_default();
        let secs = match fault.secs {
            Some(secs) => secs,
            None if self.rng().random() => default_secs,
            None => -default_secs,
        };
        self.shared.clock.jump(secs);
        secs
    }

    fn rng(&self) -> MutexGuard<'_, SmallRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn task_error(error: &JoinError) -> SimError {
    SimError::Task {
        part: "running faults",
        reason: error.to_string(),
    }
}
