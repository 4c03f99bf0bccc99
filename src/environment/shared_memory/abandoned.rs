//! Segments of shared memory whose process was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{LOCK_SUFFIX, PREFIXES, is_locked};

/// Size of the blocks that the metadata of a file count.
const BLOCK_BYTES: u64 = 512;

/// Returns the memory in bytes of Fast DDS's files in a folder that no running node holds any more. `fastdds shm clean`
/// removes them. Files that this user cannot open are not counted.
pub fn abandoned_bytes(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_of_fast_dds = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let Some(segment) = name.strip_suffix(LOCK_SUFFIX).filter(|_| is_of_fast_dds) else {
            continue;
        };
        // Removed meanwhile, or of another user.
        let Ok(lock) = File::open(entry.path()) else {
            continue;
        };
        if !is_locked(&lock)
            && let Ok(metadata) = fs::metadata(folder.join(segment))
        {
            bytes += metadata.blocks() * BLOCK_BYTES;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    #[test]
    fn only_segments_without_a_running_node_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: usize| {
            fs::write(folder.path().join(name), vec![1; bytes]).unwrap();
        };
        write("fastrtps_0123456789abcdef", 1 << 20);
        write("fastrtps_0123456789abcdef_el", 0);
        write("fastdds_fedcba9876543210", 2 << 20);
        write("fastdds_fedcba9876543210_el", 0);
        write("other_0123", 1 << 20);
        write("other_0123_el", 0);
        write("fastrtps_without_lock", 1 << 20);
        File::open(folder.path().join("fastrtps_0123456789abcdef"))
            .and_then(|file| file.sync_all())
            .unwrap();
        let lock = File::open(folder.path().join("fastdds_fedcba9876543210_el")).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let abandoned = abandoned_bytes(folder.path()).expect("readable");
        assert!((1 << 20..2 << 20).contains(&abandoned), "{abandoned}");
        drop(lock);
        File::open(folder.path().join("fastdds_fedcba9876543210"))
            .and_then(|file| file.sync_all())
            .unwrap();
        let abandoned = abandoned_bytes(folder.path()).expect("readable");
        assert!((3 << 20..4 << 20).contains(&abandoned), "{abandoned}");
    }
}
