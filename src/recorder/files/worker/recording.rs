//! Bags: their beginning, their watch, their end.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::Worker;
use crate::config::RecorderConfig;
use crate::recorder::bags::{self, MarkState, RecordingMark};
use crate::recorder::command::{self, Files};
use crate::recorder::files::open_bag::OpenBag;
use crate::recorder::files::{BagSnapshot, Prepared, Setup, output_folder};
use crate::recorder::{atomic_file, naming, topics};

impl Worker {
    /// Checks the output folder, names a bag and writes the files that the stock recorder reads.
    pub(super) fn prepare(&mut self) -> Result<Prepared, String> {
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

    /// Queues what is to be done about the bag whose stock recorder has ended.
    pub(super) fn end_bag(&mut self, is_in_order: bool, is_paused: bool) {
        self.queue_tasks(is_in_order, is_paused);
        self.change_topics_if_due();
    }

    /// The accounts of the splits before a change of the topics are taken with the former topics.
    fn change_topics_if_due(&mut self) {
        if std::mem::take(&mut self.is_topic_change_due) {
            self.tasks.add_change_of_topics();
        }
    }

    fn queue_tasks(&mut self, is_in_order: bool, is_paused: bool) {
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
            if bag.problem().is_none() {
                self.tasks.add_split(split, now);
            } else {
                log::error!(
                    "no account of the split {}, which was damaged; its messages count as missing",
                    split.display()
                );
            }
        }
        for split in bag.later_splits() {
            self.tasks.add_split(split, now);
        }
        if !is_in_order {
            self.tasks.mend_later(bag.folder().to_owned());
        }
        self.tasks.add_bag(bag.folder().to_owned(), is_paused);
    }

    /// Looks at the open bag, and marks it as ours as soon as it exists.
    pub(super) fn watch_bag(&mut self, now: Instant) {
        self.look.at = now;
        let Some(bag) = &mut self.open else {
            return;
        };
        let bytes_before = bag.split().map_or(0, |split| split.bytes);
        let name_before = bag.split().map(|split| split.name.clone());
        let (closed, opened) = bag.look();
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
        self.look.bag = Some(BagSnapshot {
            folder: bag.folder().to_owned(),
            split: bag.split().cloned(),
            problem: bag.problem().map(str::to_owned),
        });
    }

    /// Has bags completed that were left open: by a power loss or a crash in an earlier run, or by a full disk.
    pub(super) fn complete_earlier_bags(&mut self) {
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

    pub(super) fn configure(&mut self, config: RecorderConfig) {
        let old = std::mem::replace(&mut self.setup.config, config);
        let new = &self.setup.config;
        if old.topics != new.topics || old.exclude != new.exclude {
            self.is_topic_change_due = true;
        }
        let moved = old.output_dir != new.output_dir;
        if self.open.is_none() {
            self.change_topics_if_due();
        }
        self.look_due = Instant::now();
        self.scan_due = self.look_due;
        if moved {
            self.complete_earlier_bags();
        }
    }
}
