//! Memory of a process, as counted by the kernel.

use procfs::process::{Process, Status};

/// Resident memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Current resident memory, bytes.
    pub rss_bytes: u64,
    /// Peak resident memory so far, bytes.
    pub rss_peak_bytes: u64,
    /// Resident memory shared with other processes, such as the middleware's segments, bytes.
    pub shared_bytes: u64,
}

impl ProcessMemory {
    /// Reads the memory of this process. `None` where the system does not report it.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        Self::from_status(&Process::myself().ok()?.status().ok()?)
    }

    /// Reads the memory of the process with that id. `None` if there is none, or it has ended.
    #[must_use]
    pub fn of_process(pid: u32) -> Option<Self> {
        let process = Process::new(i32::try_from(pid).ok()?).ok()?;
        Self::from_status(&process.status().ok()?)
    }

    /// Converts `/proc/PID/status`, which has no memory for kernel threads and zombies.
    fn from_status(status: &Status) -> Option<Self> {
        let bytes_of = |kib: Option<u64>| kib?.checked_mul(1024);
        Some(Self {
            rss_bytes: bytes_of(status.vmrss)?,
            rss_peak_bytes: bytes_of(status.vmhwm)?,
            shared_bytes: bytes_of(status.rssshmem)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kibibytes_of_the_kernel_become_bytes() {
        let process = Process::myself().expect("Linux");
        let mut status = process.status().expect("readable");
        status.vmhwm = Some(2048);
        status.vmrss = Some(1024);
        status.rssshmem = Some(256);
        assert_eq!(
            ProcessMemory::from_status(&status),
            Some(ProcessMemory {
                rss_bytes: 1 << 20,
                rss_peak_bytes: 2 << 20,
                shared_bytes: 1 << 18,
            })
        );
        status.vmrss = None;
        assert_eq!(ProcessMemory::from_status(&status), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = ProcessMemory::of_this_process().expect("Linux");
        assert!(memory.rss_bytes > 0 && memory.rss_peak_bytes >= memory.rss_bytes);
    }

    #[test]
    fn process_is_found_by_its_id() {
        let own = ProcessMemory::of_process(std::process::id()).expect("running");
        assert!(own.rss_bytes > 0);
        // Above the kernel's largest process id, and beyond its type.
        for pid in [1 << 30, u32::MAX] {
            assert_eq!(ProcessMemory::of_process(pid), None);
        }
    }
}
