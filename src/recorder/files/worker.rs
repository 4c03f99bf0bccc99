//! Work of the files thread.

mod accounts;
mod limits;
mod recording;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::cleanup::Cleanup;
use super::open_bag::OpenBag;
use super::repairs::Repairs;
use super::tasks::{Step, Tasks};
use super::{Event, FilesSnapshot, Request, Setup};
use crate::recorder::account::{Accountant, TopicTotals};
use crate::recorder::disk::WriteRate;
use crate::recorder::naming::BagNames;
use crate::recorder::topics;
use crate::time::log_throttle::RepeatThrottle;

/// Time in which the same failure is logged once.
const REPEAT_PERIOD: Duration = Duration::from_secs(300);
/// Wait between two steps while something is waited for at the end.
const FINISH_INTERVAL: Duration = Duration::from_millis(50);
/// Room that closing a split takes in any case.
const MIN_FLOOR_BYTES: u64 = 4 << 20;

/// State of the files thread.
pub(super) struct Worker {
    setup: Setup,
    events: Sender<Event>,
    names: BagNames,
    open: Option<OpenBag>,
    is_marked: bool,
    tasks: Tasks,
    repairs: Repairs,
    accountant: Accountant,
    /// Other topics are recorded after the open bag.
    is_topic_change_due: bool,
    /// Totals of accountants that were replaced when the topics changed.
    earlier_totals: BTreeMap<String, TopicTotals>,
    cleanup: Cleanup,
    rate: WriteRate,
    look_due: Instant,
    scan_due: Instant,
    look: FilesSnapshot,
    /// Deadline of the end.
    finish: Option<Instant>,
    throttle: RepeatThrottle,
}

impl Worker {
    pub(super) fn new(setup: Setup, events: Sender<Event>, repairs: Repairs) -> Self {
        let now = Instant::now();
        Self {
            names: BagNames::new(&setup.namespace, std::time::SystemTime::now()),
            accountant: accountant(&setup),
            cleanup: Cleanup::new(),
            is_topic_change_due: false,
            earlier_totals: BTreeMap::new(),
            setup,
            events,
            open: None,
            is_marked: false,
            tasks: Tasks::default(),
            repairs,
            rate: WriteRate::default(),
            look_due: now,
            scan_due: now,
            look: FilesSnapshot::new(now),
            finish: None,
            throttle: RepeatThrottle::new(REPEAT_PERIOD),
        }
    }

    /// Works until everything is finished, or the engine is gone.
    pub(super) fn run(mut self, requests: &Receiver<Request>, waiting: &AtomicUsize) {
        self.complete_earlier_bags();
        loop {
            if Instant::now() >= self.look_due {
                self.look_at_files();
            }
            let step = self.work_on_tasks();
            if self.has_finished(&step) {
                break;
            }
            let timeout = match (step, self.finish) {
                (Step::Done | Step::Accounted(_) | Step::TopicsChanged, _) => Duration::ZERO,
                (Step::Idle | Step::Waiting, Some(_)) => FINISH_INTERVAL,
                (Step::Idle | Step::Waiting, None) => {
                    self.look_due.saturating_duration_since(Instant::now())
                }
            };
            match requests.recv_timeout(timeout) {
                Ok(request) => {
                    waiting.fetch_sub(1, Ordering::Relaxed);
                    self.on_request(request);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        self.look_at_files();
        self.send(Event::Finished);
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Configure(config) => self.configure(*config),
            Request::Prepare => {
                let prepared = self.prepare();
                self.send(Event::Prepared(prepared));
            }
            Request::Statistics(counts) => self.accountant.on_statistics(&counts),
            Request::Refresh => self.look_due = Instant::now(),
            Request::BagEnded {
                is_in_order,
                is_paused,
            } => self.end_bag(is_in_order, is_paused),
            Request::Finish { deadline } => self.finish = Some(deadline),
        }
    }

    /// Sends a report. Without an engine to read it, `run` ends at its next request.
    fn send(&self, event: Event) {
        drop(self.events.send(event));
    }
}

fn accountant(setup: &Setup) -> Accountant {
    let config = setup.config.clone();
    let namespace = setup.namespace.clone();
    Accountant::new(&setup.namespace, move |topic: &str| {
        topics::is_recorded(topic, &namespace, &config)
    })
}
