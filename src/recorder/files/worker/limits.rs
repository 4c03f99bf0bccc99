//! Room on the disk, and the limits of the recordings.

use std::time::Instant;

use super::{MIN_FLOOR_BYTES, Worker};
use crate::recorder::bags;
use crate::recorder::disk::{self, ClosedSplits, DiskSpace};
use crate::recorder::files::open_bag::OpenBag;
use crate::recorder::files::{Event, output_folder, tasks};

impl Worker {
    pub(super) fn look_at_files(&mut self) {
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
        self.send(Event::Snapshot(Box::new(self.look.clone())));
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
}
