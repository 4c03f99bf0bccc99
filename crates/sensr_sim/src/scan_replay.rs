//! Replay of PCD scans as point messages.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ros_bag::NaturalKey;

use super::cloud_group::CloudGroup;
use super::error::ReplayError;
use super::pcd::{self, Scan};
use sensr_protocol::wire::PointCloud;

/// Size of the cache of encoded messages; further scans are read again each time.
const CACHE_BYTES: usize = 256 << 20;

/// Scans in order, each sent once for each group.
#[derive(Debug)]
pub(super) struct ScanReplay {
    files: Vec<PathBuf>,
    encoder: ScanEncoder,
    repeat: bool,
    /// Messages of the first files, one per group.
    cache: Vec<Vec<Bytes>>,
}

/// Encoder of scans as point messages.
#[derive(Debug, Clone)]
struct ScanEncoder {
    resample_to: Option<usize>,
    /// Clouds of each message of a scan.
    groups: Vec<CloudGroup>,
}

/// Point message of a scan.
#[derive(Debug)]
pub(super) enum ScanMessage {
    Ready(Bytes),
    /// Not cached, has to be read outside the event loop.
    Deferred(DeferredScan),
}

/// Message whose scan has yet to be read.
#[derive(Debug)]
pub(super) struct DeferredScan {
    file: PathBuf,
    encoder: ScanEncoder,
    group: usize,
}

impl DeferredScan {
    /// Reads the scan and encodes the message.
    pub(super) fn read_and_encode(&self) -> Result<Bytes, ReplayError> {
        let scan = self.encoder.read_scan(&self.file)?;
        Ok(self.encoder.encode_message(&scan, self.group))
    }
}

impl ScanEncoder {
    fn read_scan(&self, file: &Path) -> Result<Scan, ReplayError> {
        let bytes = fs::read(file).map_err(|source| ReplayError::Read {
            path: file.to_owned(),
            source,
        })?;
        let scan = pcd::parse(&bytes).map_err(|source| ReplayError::Pcd {
            path: file.to_owned(),
            source,
        })?;
        let Some(wanted) = self.resample_to else {
            return Ok(scan);
        };
        scan.resampled(wanted).ok_or_else(|| ReplayError::Empty {
            path: file.to_owned(),
            wanted,
        })
    }

    fn encode_message(&self, scan: &Scan, group: usize) -> Bytes {
        self.groups[group].encode(|kind| PointCloud {
            r#type: kind.into(),
            id: Bytes::new(),
            points: scan.points.clone(),
            intensities: scan.intensities.clone(),
        })
    }
}

impl ScanReplay {
    /// Reads and thereby validates the scans that fit into the cache. `groups`: the clouds of one message each.
    pub(super) fn open(
        path: &Path,
        repeat: bool,
        resample_to: Option<usize>,
        groups: Vec<CloudGroup>,
    ) -> Result<Self, ReplayError> {
        let encoder = ScanEncoder {
            resample_to,
            groups,
        };
        Self::with_cache(path, repeat, encoder, CACHE_BYTES)
    }

    /// Caches at least one scan.
    fn with_cache(
        path: &Path,
        repeat: bool,
        encoder: ScanEncoder,
        cache_bytes: usize,
    ) -> Result<Self, ReplayError> {
        let files = list_scans(path)?;
        let mut cache: Vec<Vec<Bytes>> = Vec::new();
        let mut total_bytes = 0;
        let mut without_intensity = Vec::new();
        for file in &files {
            let scan = encoder.read_scan(file)?;
            if scan.intensities.is_empty() && !scan.is_empty() {
                without_intensity.push(file);
            }
            let messages: Vec<Bytes> = (0..encoder.groups.len())
                .map(|group| encoder.encode_message(&scan, group))
                .collect();
            total_bytes += messages.iter().map(Bytes::len).sum::<usize>();
            if total_bytes > cache_bytes && !cache.is_empty() {
                break;
            }
            cache.push(messages);
        }
        if let [first, others @ ..] = &*without_intensity {
            let others = match others.len() {
                0 => String::new(),
                1 => " and 1 more scan".to_owned(),
                count => format!(" and {count} more scans"),
            };
            log::warn!(
                "{}{others}: no intensity field (intensity, i, reflectivity, ...), so the intensity of the points is 0",
                first.display()
            );
        }
        log::info!("{} scans, {} cached", files.len(), cache.len());
        Ok(Self {
            files,
            encoder,
            repeat,
            cache,
        })
    }

    /// Returns message number `k`: the scans in turn, each once for each group; `None` after the last.
    pub(super) fn message_at(&self, k: u64) -> Option<ScanMessage> {
        let groups = self.encoder.groups.len() as u64;
        let files = self.files.len() as u64;
        if !self.repeat && k / groups >= files {
            return None;
        }
        let index = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let (file, group) = (index(k / groups % files), index(k % groups));
        Some(match self.cache.get(file) {
            Some(messages) => ScanMessage::Ready(messages[group].clone()),
            None => ScanMessage::Deferred(DeferredScan {
                file: self.files[file].clone(),
                encoder: self.encoder.clone(),
                group,
            }),
        })
    }
}

/// Returns the file itself, or the folder's `*.pcd` files in natural order. Hidden files are skipped: some systems put
/// one beside each file that they copy.
fn list_scans(path: &Path) -> Result<Vec<PathBuf>, ReplayError> {
    let unreadable = |source| ReplayError::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let extension = file.extension().map(std::ffi::OsStr::to_ascii_lowercase);
        let is_hidden = file_name(&file).starts_with('.');
        if extension.is_some_and(|extension| extension == "pcd") && !is_hidden {
            files.push(file);
        }
    }
    files.sort_by_cached_key(|file| NaturalKey::new(&file_name(file)));
    if files.is_empty() {
        return Err(ReplayError::NoScans(path.to_owned()));
    }
    Ok(files)
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use sensr_protocol::points::decode_points;
    use sensr_protocol::wire::CloudType;

    /// Folder with three scans, removed when dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = format!("sensr_sim-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            fs::create_dir_all(&folder).expect("made");
            for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
                let header = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA ascii\n";
                let file = folder.join(name).with_extension("pcd");
                fs::write(file, format!("{header}{number} 0 0\n")).expect("written");
            }
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            // A folder left behind does no harm.
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn open(folder: &Path, repeat: bool, cache_bytes: usize) -> ScanReplay {
        let encoder = ScanEncoder {
            resample_to: None,
            groups: CloudGroup::in_turn(&Options {
                types: vec![CloudType::Raw, CloudType::Ground],
                alternate: true,
                ..Options::default()
            }),
        };
        ScanReplay::with_cache(folder, repeat, encoder, cache_bytes).expect("readable")
    }

    #[test]
    fn scan_that_is_not_cached_is_read_again_with_the_same_result() {
        let folder = Folder::new("cache");
        let cached = open(&folder.0, true, CACHE_BYTES);
        let read = open(&folder.0, true, 0);
        for k in 0..14 {
            let Some(ScanMessage::Ready(expected)) = cached.message_at(k) else {
                panic!("message {k} fits");
            };
            let (is_cached, frame) = match read.message_at(k).expect("repeats") {
                ScanMessage::Ready(frame) => (true, frame),
                ScanMessage::Deferred(deferred) => {
                    (false, deferred.read_and_encode().expect("readable"))
                }
            };
            assert_eq!(is_cached, k % 6 < 2, "only the first scan is cached");
            assert_eq!(frame, expected, "message {k}");
            decode_points(frame).expect("a PointResult");
        }
    }

    #[test]
    fn scans_are_sent_in_natural_order_without_hidden_files() {
        let folder = Folder::new("order");
        let name = |number: u32| folder.0.join(format!("{number}.pcd"));
        for letter in ["a", "b", "c"] {
            fs::remove_file(folder.0.join(letter).with_extension("pcd")).expect("removed");
        }
        for number in [10, 9, 12, 1] {
            fs::write(name(number), "").expect("written");
        }
        fs::write(folder.0.join("._1.pcd"), "").expect("written");
        let scans = list_scans(&folder.0).expect("readable");
        assert_eq!(scans, [1, 9, 10, 12].map(name));
    }

    #[test]
    fn replay_ends_after_every_scan_was_sent_for_every_group() {
        let folder = Folder::new("end");
        let replay = open(&folder.0, false, CACHE_BYTES);
        assert!(replay.message_at(5).is_some());
        assert!(replay.message_at(6).is_none());
    }

    #[test]
    fn scan_that_disappears_later_is_an_error_that_names_it() {
        let folder = Folder::new("gone");
        let replay = open(&folder.0, false, 0);
        fs::remove_file(folder.0.join("b.pcd")).expect("removed");
        let Some(ScanMessage::Deferred(deferred)) = replay.message_at(2) else {
            panic!("only the first scan is cached");
        };
        assert!(
            deferred
                .read_and_encode()
                .expect_err("gone")
                .to_string()
                .contains("b.pcd")
        );
    }
}
