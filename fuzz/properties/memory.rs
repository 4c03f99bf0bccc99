//! Measurement of allocated memory.

use peak_alloc::PeakAlloc;

/// Counts the allocations of Rust code, of all threads together.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Runs `work` and returns its peak of allocated bytes.
pub(super) fn peak_allocation_of(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}
