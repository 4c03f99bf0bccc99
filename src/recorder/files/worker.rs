//! Work of the files thread.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::cleanup::Cleanup;
use super::open_bag::OpenBag;
use super::repairs::Repairs;
use super::tasks::{Step, Tasks};
use super::{BagLook, Event, Look, Prepared, Request, Setup, output_folder, tasks};
use crate::config::RecorderConfig;
use crate::recorder::account::{Accountant, TopicTotals};
use crate::recorder::atomic_file;
use crate::recorder::bags::{self, MarkState, RecordingMark};
use crate::recorder::command::{self, Files};
use crate::recorder::disk::{self, ClosedSplits, DiskSpace, WriteRate};
use crate::recorder::naming::{self, BagNames};
use crate::recorder::report::TopicReport;
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
    /// Totals of accountants that were replaced when the topics changed.
    earlier_totals: BTreeMap<String, TopicTotals>,
    cleanup: Cleanup,
    rate: WriteRate,
    look_due: Instant,
    scan_due: Instant,
    look: Look,
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
            look: Look::new(now),
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
        self.tell(Event::Finished);
    }

    fn on_request(&mut self, request: Request) {
        match request {
            Request::Configure(config) => self.configure(*config),
            Request::Prepare => {
                let prepared = self.prepare();
                self.tell(Event::Prepared(prepared));
            }
            Request::Statistics(counts) => self.accountant.on_statistics(&counts),
            Request::Look => self.look_due = Instant::now(),
            Request::BagEnded {
                is_in_order,
                is_paused,
            } => self.end_bag(is_in_order, is_paused),
            Request::Finish { deadline } => self.finish = Some(deadline),
        }
    }

    /// Sends a report. Without an engine to read it, `run` ends at its next request.
    fn tell(&self, event: Event) {
        drop(self.events.send(event));
    }
}

/// Bags: their beginning, their watch, their end.
impl Worker {
    /// Checks the output folder, names a bag and writes the files that the stock recorder reads.
    fn prepare(&mut self) -> Result<Prepared, String> {
        let config = &self.setup.config;
        output_folder::check(&config.output_dir)?;
        let bag = self.names.next(Path::exists, &config.output_dir);
        let (qos, storage) = self.write_settings()?;
        let files = Files {
            bag: &bag,
            qos: &qos,
            storage: storage.as_deref(),
        };
        let arguments =
            command::record_command(&self.setup.namespace, config, &self.setup.features, &files);
        self.open = Some(OpenBag::new(bag.clone()));
        self.is_marked = false;
        Ok(Prepared { bag, arguments })
    }

    /// Writes the settings of `QoS` and storage. The second is `None` if the stock recorder does not read any.
    fn write_settings(&self) -> Result<(PathBuf, Option<PathBuf>), String> {
        let Setup {
            namespace,
            features,
            settings_dir,
            ..
        } = &self.setup;
        let site = naming::site(namespace);
        let write = |name: &str, text: &str| {
            let path = settings_dir.join(format!("{site}_{name}.yaml"));
            fs::create_dir_all(settings_dir)
                .and_then(|()| atomic_file::write(&path, text.as_bytes()))
                .map_err(|error| {
                    format!(
                        "cannot write the settings of the stock recorder to {}: {error}; set ROS_LOG_DIR to a \
                         writable folder",
                        settings_dir.display()
                    )
                })?;
            Ok::<_, String>(path)
        };
        let qos = write(
            "rosbag2_qos",
            &topics::qos_overrides(namespace, features.adaptive_qos),
        )?;
        let storage = command::storage_config(features)
            .map(|text| write("rosbag2_storage", &text))
            .transpose()?;
        Ok((qos, storage))
    }

    fn end_bag(&mut self, is_in_order: bool, is_paused: bool) {
        let now = Instant::now();
        self.watch_bag(now);
        let Some(bag) = self.open.take() else {
            return;
        };
        self.look.bag = None;
        self.look_due = now;
        self.scan_due = now;
        if !bag.folder().exists() {
            return;
        }
        if let Some(split) = bag.split_path() {
            self.tasks.add_split(split, now);
        }
        if !is_in_order {
            self.tasks.mend_later(bag.folder().to_owned());
        }
        self.tasks.add_bag(bag.folder().to_owned(), is_paused);
    }

    /// Looks at the open bag, and marks it as ours as soon as it exists.
    fn watch_bag(&mut self, now: Instant) {
        self.look.at = now;
        let Some(bag) = &mut self.open else {
            return;
        };
        let bytes_before = bag.split().map_or(0, |split| split.bytes);
        let name_before = bag.split().map(|split| split.name.clone());
        let (closed, opened) = bag.look(now);
        self.look.splits_opened += opened;
        if let Some(split) = bag.split() {
            let is_same = name_before.as_ref() == Some(&split.name);
            let grown = split
                .bytes
                .saturating_sub(if is_same { bytes_before } else { 0 });
            self.rate.add(now, grown);
        }
        if opened > 0 {
            self.scan_due = now;
        }
        for split in closed {
            self.tasks.add_split(split, now);
        }
        if bag.is_created() && !self.is_marked && bag.problem().is_none() {
            match RecordingMark::open(&self.setup.namespace).write(bag.folder()) {
                Ok(()) => self.is_marked = true,
                Err(error) => {
                    let text = output_folder::explain(bag.folder(), &error);
                    if let Some(suppressed) = self.throttle.try_acquire(&text, now) {
                        log::error!(
                            "{text}; without its recording.json the bag counts as foreign and is never deleted{suppressed}"
                        );
                    }
                }
            }
        }
        self.look.bag = Some(BagLook {
            folder: bag.folder().to_owned(),
            split: bag.split().cloned(),
            problem: bag.problem().map(str::to_owned),
        });
    }

    /// Has bags completed that were left open: by a power loss or a crash in an earlier run, or by a full disk.
    fn complete_earlier_bags(&mut self) {
        let output_dir = &self.setup.config.output_dir;
        let open = self.open.as_ref().map(OpenBag::folder);
        // A folder that does not exist yet has no bags. Every other error shows again when a bag is begun.
        let bags = bags::scan(output_dir, &self.setup.namespace, open).unwrap_or_default();
        for bag in bags {
            let is_busy = Some(bag.folder.as_path()) == open || self.tasks.contains(&bag.folder);
            if bag.mark.state == MarkState::Open && !is_busy {
                self.repairs.complete_bag(bag);
            }
        }
    }

    fn configure(&mut self, config: RecorderConfig) {
        let old = std::mem::replace(&mut self.setup.config, config);
        let new = &self.setup.config;
        if old.topics != new.topics || old.exclude != new.exclude {
            self.tasks.add_change_of_topics();
        }
        let moved = old.output_dir != new.output_dir;
        self.look_due = Instant::now();
        self.scan_due = self.look_due;
        if moved {
            self.complete_earlier_bags();
        }
    }
}

/// Disk, limits, accounts.
impl Worker {
    fn look_at_files(&mut self) {
        let now = Instant::now();
        self.look_due = now + self.setup.times.look;
        self.watch_bag(now);
        self.look_at_disk(now);
        if now >= self.scan_due || self.cleanup.needs_room() {
            self.scan_due = now + self.setup.times.scan;
            self.keep_limits(now);
        }
        let config = &self.setup.config;
        let bytes_per_second = self.rate.bytes_per_second(now);
        let look = &mut self.look;
        look.bytes_per_second = bytes_per_second;
        let was_full = look.full.is_some();
        look.full = self.cleanup.full_reason(&config.output_dir);
        let has_room_again = was_full && look.full.is_none();
        (look.deleted_splits, look.deleted_bytes) = self.cleanup.deleted();
        (look.closed_splits, look.closed_bytes) = self.cleanup.closed();
        let closed = ClosedSplits {
            count: look.closed_splits,
            bytes: look.closed_bytes,
        };
        look.time_left = look.disk.and_then(|disk| {
            disk::time_left(config, disk, look.floor_bytes, bytes_per_second, closed)
        });
        if has_room_again {
            self.complete_earlier_bags();
        }
        self.tell(Event::Look(Box::new(self.look.clone())));
    }

    fn look_at_disk(&mut self, now: Instant) {
        let config = &self.setup.config;
        let folder = output_folder::nearest_existing(&config.output_dir);
        self.look.disk = match DiskSpace::of(folder) {
            Ok(disk) => {
                self.look.floor_bytes = disk::floor(config, disk.size_bytes).max(MIN_FLOOR_BYTES);
                Some(disk)
            }
            Err(error) => {
                let text = format!(
                    "cannot tell the free space of {}: {error}; check the disk",
                    folder.display()
                );
                if let Some(suppressed) = self.throttle.try_acquire(&text, now) {
                    log::warn!("{text}{suppressed}");
                }
                None
            }
        };
        self.cleanup.set_room(self.look.disk, self.look.floor_bytes);
    }

    /// Deletes what is beyond the limits.
    fn keep_limits(&mut self, now: Instant) {
        let config = &self.setup.config;
        let open = self.open.as_ref().map(OpenBag::folder);
        let bags = match bags::scan(&config.output_dir, &self.setup.namespace, open) {
            Ok(bags) => bags,
            Err(error) => {
                let text = format!(
                    "cannot look through {}: {error}; no recordings are deleted, check the disk and the rights",
                    config.output_dir.display()
                );
                if let Some(suppressed) = self.throttle.try_acquire(&text, now) {
                    log::error!("{text}{suppressed}");
                }
                Vec::new()
            }
        };
        for folder in self.cleanup.keep_limits(&bags, config) {
            if Some(folder.as_path()) == open || self.tasks.contains(&folder) {
                self.tasks.mend_later(folder);
                continue;
            }
            tasks::tidy(&folder);
        }
    }

    fn work_on_tasks(&mut self) -> Step {
        while let Some(repaired) = self.repairs.try_next() {
            self.tasks.on_repaired(&repaired);
        }
        let open = self.open.as_ref().map(OpenBag::folder);
        let completion = self.setup.times.completion;
        let step = self.tasks.step(
            &mut self.accountant,
            &self.repairs,
            (open, completion),
            Instant::now(),
        );
        match &step {
            Step::Accounted(split) => {
                let name = split.file_name().unwrap_or_default();
                self.look.last_split = name.to_string_lossy().into_owned();
                self.look_at_totals();
            }
            Step::TopicsChanged => {
                self.finish_accounts();
                self.earlier_totals = self.totals();
                self.accountant = accountant(&self.setup);
            }
            Step::Idle | Step::Waiting | Step::Done => {}
        }
        step
    }

    /// Settles the accounts of all splits.
    fn finish_accounts(&mut self) {
        for account in self.accountant.finish() {
            log::info!(
                "the account of the split {} is settled: {} messages recorded, {} missing",
                account.split,
                account.recorded,
                account.missing
            );
        }
        self.look_at_totals();
    }

    /// Totals of all accountants.
    fn totals(&self) -> BTreeMap<String, TopicTotals> {
        let mut totals = self.earlier_totals.clone();
        for (topic, latest) in self.accountant.totals() {
            let total = totals.entry(topic.clone()).or_default();
            *total = TopicTotals {
                recorded: total.recorded + latest.recorded,
                missing: total.missing + latest.missing,
                ..*latest
            };
        }
        totals
    }

    fn look_at_totals(&mut self) {
        let totals = self.totals();
        self.look.missing = totals.values().map(|topic| topic.missing).sum();
        self.look.topics = totals
            .iter()
            .map(|(topic, totals)| TopicReport {
                topic: relative(topic, &self.setup.namespace).to_owned(),
                recorded: totals.recorded,
                missing: totals.missing,
                last_split_recorded: totals.last_split_recorded,
                last_split_missing: totals.last_split_missing,
            })
            .collect();
    }

    /// True once everything is complete, or the time for it is over.
    fn has_finished(&mut self, step: &Step) -> bool {
        let Some(deadline) = self.finish else {
            return false;
        };
        if *step != Step::Idle {
            if Instant::now() < deadline {
                return false;
            }
            log::error!(
                "the last splits are not complete yet; they are completed at the next start of sensr_recorder"
            );
        }
        self.finish_accounts();
        true
    }
}

fn accountant(setup: &Setup) -> Accountant {
    let config = setup.config.clone();
    let namespace = setup.namespace.clone();
    Accountant::new(&setup.namespace, move |topic: &str| {
        topics::is_recorded(topic, &namespace, &config)
    })
}

/// Name of a topic relative to a namespace, if it is in that.
fn relative<'a>(topic: &'a str, namespace: &str) -> &'a str {
    topic
        .strip_prefix(namespace.trim_end_matches('/'))
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(topic)
}
