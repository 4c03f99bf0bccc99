//! Runs faults: those of the script, of chaos mode and on demand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::chaos::Chaos;
use super::doctor::garbage;
use super::event::FaultEvent;
use super::kind::FaultKind;
use super::strike::{self, Blow, Token};
use super::target::{Target, UnderWay};
use super::{Fault, Links, TimedFault};
use crate::door::{Door, Mode};
use crate::ending::{Close, Release};
use crate::error::SimError;
use crate::output::{only_time, overflow_event};
use crate::send_queue::Grip;
use crate::shared::Shared;
use tokio_util::sync::CancellationToken;

/// Runs faults until `closing` is cancelled, which also ends the active ones.
#[derive(Debug)]
pub(crate) struct Director {
    shared: Arc<Shared>,
    points: Arc<Door>,
    output: Arc<Door>,
    closing: CancellationToken,
    rng: Mutex<SmallRng>,
}

impl Director {
    pub(crate) fn new(
        shared: Arc<Shared>,
        points: Arc<Door>,
        output: Arc<Door>,
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
    pub(crate) async fn run(self, mut orders: mpsc::Receiver<Fault>) -> Result<(), SimError> {
        let this = Arc::new(self);
        let closing = this.closing.clone();
        let mut under_way = JoinSet::new();
        under_way.spawn(Arc::clone(&this).follow_script());
        under_way.spawn(Arc::clone(&this).follow_chaos());
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled() => break,
                Some(fault) = orders.recv() => {
                    under_way.spawn(Arc::clone(&this).carry_out(fault));
                }
                Some(ended) = under_way.join_next() => ended.map_err(|error| failed(&error))?,
            }
        }
        drop(orders);
        while let Some(ended) = under_way.join_next().await {
            ended.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    async fn follow_script(self: Arc<Self>) {
        let mut faults = self.shared.options.faults.clone();
        if faults.is_empty() {
            return;
        }
        faults.sort_by_key(|timed| timed.at);
        let closing = self.closing.clone();
        let mut under_way = JoinSet::new();
        let all_begun = async {
            let start = self.shared.started().await;
            for TimedFault { at, fault } in faults {
                tokio::time::sleep_until((start + at).into()).await;
                under_way.spawn(Arc::clone(&self).carry_out(fault));
            }
        };
        tokio::select! {
            () = all_begun => {}
            () = closing.cancelled() => {}
        }
        under_way.join_all().await;
    }

    async fn follow_chaos(self: Arc<Self>) {
        let Some(options) = self.shared.options.chaos else {
            return;
        };
        let closing = self.closing.clone();
        tokio::select! {
            _ = self.shared.started() => {}
            () = closing.cancelled() => return,
        }
        for (pause, fault) in Chaos::new(&options, self.shared.plays_bag()) {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = closing.cancelled() => return,
            }
            Arc::clone(&self).carry_out(fault).await;
        }
    }

    async fn carry_out(self: Arc<Self>, fault: Fault) {
        let closing = self.closing.clone();
        if closing.is_cancelled() {
            return;
        }
        let (token, tokens) = strike::tokens();
        let under_way = self.begin(&fault, &token).await;
        drop(token);
        log::info!("fault: {fault}");
        self.shared.herald.tell(FaultEvent::Fault {
            fault: fault.kind,
            link: fault.links,
            at: self.at(),
            clients: under_way.clients,
            secs: under_way
                .jump_secs
                .or(fault.secs)
                .or(fault.kind.usual_secs()),
        });
        if let Some(lasts) = under_way.lasts {
            tokio::select! {
                () = tokio::time::sleep(lasts) => {}
                () = closing.cancelled() => {}
            }
        }
        drop(under_way.grips);
        for hold in under_way.doors {
            let door = Arc::clone(hold.door());
            drop(hold);
            tokio::select! {
                () = door.listens(true) => {}
                () = closing.cancelled() => {}
            }
        }
        tokens.gone().await;
        log::info!("recovered: {fault}");
        self.shared.herald.tell(FaultEvent::Recovered {
            fault: fault.kind,
            link: fault.links,
            at: self.at(),
        });
    }

    /// Returns the seconds since the clock started, rounded to milliseconds.
    fn at(&self) -> f64 {
        (self.shared.elapsed_secs() * 1000.0).round() / 1000.0
    }

    async fn begin(&self, fault: &Fault, token: &Token) -> UnderWay {
        let mut under_way = UnderWay::default();
        let points = Target::new(&self.shared.points, &self.points);
        let output = Target::new(&self.shared.output, &self.output);
        if fault.links != Links::Output {
            self.begin_on(&points, fault, token, &mut under_way).await;
        }
        if fault.links != Links::Points {
            self.begin_on(&output, fault, token, &mut under_way).await;
        }
        if fault.kind == FaultKind::Clock {
            under_way.jump_secs = Some(self.jump(fault));
        }
        under_way
    }

    async fn begin_on(
        &self,
        target: &Target<'_>,
        fault: &Fault,
        token: &Token,
        under_way: &mut UnderWay,
    ) {
        target.hub.counters.note_fault(fault.kind);
        let lasts = fault.lasts();
        let clients = match fault.kind {
            FaultKind::Refuse => {
                under_way.shut(target, lasts, self.closing.clone()).await;
                target.release(Release::HangUp, None)
            }
            FaultKind::Restart => {
                let clients = target.close_now(Close::RESTARTED);
                under_way.shut(target, lasts, self.closing.clone()).await;
                clients
            }
            FaultKind::Mute => {
                under_way.hold(target, Mode::Mute, lasts);
                target.release(Release::HangUp, None)
            }
            FaultKind::Reject => {
                under_way.hold(target, Mode::Reject, lasts);
                target.release(Release::HangUp, None)
            }
            FaultKind::Stall => under_way.seize(target, Grip::Stall, lasts),
            FaultKind::Silent => under_way.seize(target, Grip::Silence, lasts),
            FaultKind::Fragmented => under_way.seize(target, Grip::Fragments, lasts),
            FaultKind::HalfOpen => target.release(Release::HalfOpen(lasts), Some(token)),
            FaultKind::Close => target.close_after_all(Close::DISMISSED, token),
            FaultKind::Overflow => self.overflow(target, token),
            FaultKind::Clock => 0,
            FaultKind::Cut => target.strike(&Blow::Cut, token),
            FaultKind::Garbage => target.strike(&Blow::Inject(garbage(&mut self.rng())), token),
            FaultKind::Truncated => target.strike(&Blow::Truncated, token),
            FaultKind::Text => target.strike(&Blow::Text, token),
            FaultKind::Nonsense => target.strike(&Blow::Nonsense, token),
            FaultKind::Oversized => target.strike(&Blow::Oversized, token),
            FaultKind::Pings => target.strike(&Blow::Pings, token),
            FaultKind::Drip => target.strike(&Blow::Drip(lasts), token),
            FaultKind::Empty => target.strike(&self.empty(target), token),
            FaultKind::Nan => target.strike(&Blow::NonFinite, token),
        };
        under_way.clients += clients;
    }

    /// Returns the `empty` fault of this stream: the next clouds lose their points, or an extra output message with only
    /// the time is sent. Emptying an output message would lose its events without being counted.
    fn empty(&self, target: &Target<'_>) -> Blow {
        if target.is(&self.shared.points) {
            Blow::Empty
        } else {
            Blow::Inject(only_time(self.shared.clock.now_ns()))
        }
    }

    fn overflow(&self, target: &Target<'_>, token: &Token) -> u64 {
        let event = overflow_event(self.shared.clock.now_ns());
        let is_output = target.is(&self.shared.output);
        let clients = target.overflow(|| is_output.then(|| event.clone()), token);
        self.shared.tell_overflow(clients, &event);
        clients
    }

    fn jump(&self, fault: &Fault) -> f64 {
        let usual = FaultKind::Clock.usual_secs().unwrap_or_default();
        let secs = match fault.secs {
            Some(secs) => secs,
            None if self.rng().random() => usual,
            None => -usual,
        };
        self.shared.clock.jump(secs);
        secs
    }

    fn rng(&self) -> MutexGuard<'_, SmallRng> {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(error: &JoinError) -> SimError {
    SimError::Task {
        part: "carrying out faults",
        reason: error.to_string(),
    }
}
