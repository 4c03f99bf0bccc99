//! The memory of this process, as the kernel counts it.

/// Resident memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Now, bytes.
    pub rss_bytes: u64,
    /// The most so far, bytes.
    pub rss_peak_bytes: u64,
    /// What of it is shared with other processes, as the middleware's segments are.
    pub shared_bytes: u64,
}

impl ProcessMemory {
    /// Reads `/proc/self/status`. None where the system has none, or writes it otherwise.
    #[must_use]
    pub fn of_this_process() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(status: &str) -> Option<Self> {
        let bytes_of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            kib.checked_mul(1024)
        };
        Some(Self {
            rss_bytes: bytes_of("VmRSS:")?,
            rss_peak_bytes: bytes_of("VmHWM:")?,
            shared_bytes: bytes_of("RssShmem:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_kernels_lines() {
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n\
                      RssAnon:\t 512 kB\nRssShmem:\t     256 kB\n";
        assert_eq!(
            ProcessMemory::parse(status),
            Some(ProcessMemory {
                rss_bytes: 1 << 20,
                rss_peak_bytes: 2 << 20,
                shared_bytes: 1 << 18,
            })
        );
        assert_eq!(ProcessMemory::parse("nothing"), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = ProcessMemory::of_this_process().expect("Linux");
        assert!(memory.rss_bytes > 0 && memory.rss_peak_bytes >= memory.rss_bytes);
    }
}
