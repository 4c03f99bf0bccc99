//! Disks that recordings are written to.

mod output_folder;
mod space;
mod write_speed;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mounts::Mounts;
use super::time_limit::Background;
use super::{RecordingPlan, System};
use crate::check::finding::Finding;
use crate::recorder::bags;
use crate::recorder::disk::{DiskSpace, floor};
use output_folder::OutputFolder;
use space::DiskUse;
pub(super) use write_speed::unnamed_file;

/// Time in which a file system must answer questions.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Time in which a disk must have taken what the measurement writes.
const MEASUREMENT_LIMIT: Duration = Duration::from_secs(30);
/// Limits of the measurement.
const MEASUREMENT: write_speed::Limits = write_speed::Limits {
    time: Duration::from_secs(2),
    bytes: 512 << 20,
};
/// Free space below which nothing is measured.
const MIN_FREE_BYTES: u64 = 64 << 20;
/// Bytes that are written even if that leaves less than the floor of free space for a moment.
const MIN_MEASURED_BYTES: u64 = 16 << 20;
/// Part of the space above the floor that the measurement may use.
const USED_PART: u64 = 4;

/// Rates at which sites send what is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Rates {
    /// Sum of those that are known, bytes per second.
    known: f64,
    /// Number of sites with an unknown rate.
    unknown: usize,
}

impl Rates {
    fn of(plans: &[RecordingPlan]) -> Self {
        let known = plans.iter().filter_map(|plan| plan.bytes_per_second);
        let unknown = plans.iter().filter(|plan| plan.bytes_per_second.is_none());
        Self {
            known: known.sum(),
            unknown: unknown.count(),
        }
    }

    /// Remark about sites that are not in the sum. Empty if all are.
    fn remark(self) -> String {
        match self.unknown {
            0 => String::new(),
            1 => ", without one site whose rate is not known".to_owned(),
            number => format!(", without {number} sites whose rates are not known"),
        }
    }
}

/// Examines the folders of all recordings, and their disks. Recordings on one disk share it.
pub(super) fn check(system: &System, plans: &[RecordingPlan]) -> Vec<Finding> {
    check_within(MEASUREMENT, system, plans)
}

fn check_within(
    limits: write_speed::Limits,
    system: &System,
    plans: &[RecordingPlan],
) -> Vec<Finding> {
    let mounts = Mounts::read(system).unwrap_or_default();
    let mut folders: BTreeMap<&Path, Vec<RecordingPlan>> = BTreeMap::new();
    for plan in plans {
        let folder = folders.entry(&plan.config.output_dir).or_default();
        folder.push(plan.clone());
    }
    let inspections: Vec<_> = folders
        .into_iter()
        .map(|(path, plans)| {
            let (machine, folder) = (system.clone(), path.to_owned());
            let work = move || OutputFolder::inspect(&machine, &folder);
            (path, plans, Background::start(ANSWER_LIMIT, work))
        })
        .collect();
    let mut findings = Vec::new();
    let mut disks: BTreeMap<u64, (PathBuf, Vec<RecordingPlan>)> = BTreeMap::new();
    for (path, plans, inspection) in inspections {
        let folder = inspection.wait();
        let largest_split = plans.iter().map(|plan| plan.config.split_size);
        let largest_split = largest_split.map(|size| if size == 0 { u64::MAX } else { size });
        let largest_split = largest_split.max().unwrap_or(u64::MAX);
        findings.push(match &folder {
            None => output_folder::no_answer(path, ANSWER_LIMIT),
            Some(folder) => output_folder::assess(path, folder.as_ref(), &mounts, largest_split),
        });
        if let Some(Ok(folder)) = folder {
            let disk = disks.entry(folder.device);
            let (_, all) = disk.or_insert((folder.existing, Vec::new()));
            all.extend(plans);
        }
    }
    let measurements: Vec<_> = disks
        .into_values()
        .map(|(folder, plans)| {
            let (machine, measured) = (system.clone(), folder.clone());
            let work = move || DiskReport::measure(&machine, &measured, &plans, limits);
            (folder, Background::start(MEASUREMENT_LIMIT, work))
        })
        .collect();
    for (folder, measurement) in measurements {
        match measurement.wait() {
            Some(Ok(report)) => findings.extend(report.findings(&folder)),
            Some(Err(error)) => findings.push(space::unknown(&folder, &error)),
            None => findings.push(write_speed::no_answer(&folder, MEASUREMENT_LIMIT)),
        }
    }
    findings
}

/// Facts about one disk.
#[derive(Debug)]
struct DiskReport {
    disk_use: DiskUse,
    rates: Rates,
    /// Bytes per second. `None` if there is too little room to measure.
    speed: Option<io::Result<f64>>,
}

impl DiskReport {
    /// Measures the disk that holds a folder.
    fn measure(
        system: &System,
        folder: &Path,
        plans: &[RecordingPlan],
        limits: write_speed::Limits,
    ) -> io::Result<Self> {
        let path = system.path(folder);
        let space = DiskSpace::of(&path)?;
        let floors = plans
            .iter()
            .map(|plan| floor(&plan.config, space.size_bytes));
        let floor_bytes = floors.max().unwrap_or(0);
        let disk_use = DiskUse {
            space,
            floor_bytes,
            deletable_bytes: plans.iter().map(|plan| deletable_bytes(system, plan)).sum(),
            has_inodes: space::has_inodes(&path)?,
            keeps_all: plans
                .iter()
                .any(|plan| plan.config.keep_splits == 0 && plan.config.keep_bytes == 0),
        };
        let room = space.free_bytes.saturating_sub(floor_bytes) / USED_PART;
        let limits = write_speed::Limits {
            bytes: limits.bytes.min(room.max(MIN_MEASURED_BYTES)),
            ..limits
        };
        let speed = (space.free_bytes >= MIN_FREE_BYTES).then(|| {
            let mut file = unnamed_file(&path)?;
            write_speed::measure(&mut file, limits)
        });
        Ok(Self {
            disk_use,
            rates: Rates::of(plans),
            speed,
        })
    }

    fn findings(&self, folder: &Path) -> Vec<Finding> {
        vec![
            self.disk_use.assess_space(folder),
            self.disk_use.assess_time(folder, self.rates),
            write_speed::assess(folder, self.speed.as_ref(), self.rates),
        ]
    }
}

/// Returns the size of the splits that the recorder of a plan may delete. 0 if they cannot be read.
fn deletable_bytes(system: &System, plan: &RecordingPlan) -> u64 {
    let folder = system.path(&plan.config.output_dir);
    let bags = bags::scan(&folder, &plan.namespace, None).unwrap_or_default();
    let splits = bags.iter().flat_map(|bag| &bag.splits);
    splits.map(|split| split.bytes).sum()
}

#[cfg(test)]
mod tests;
