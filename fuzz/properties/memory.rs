//! How much memory something takes.

use peak_alloc::PeakAlloc;

/// Counts what Rust code allocates, for all threads together.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Runs `work`. Returns the most bytes that were allocated at a time beyond what was before.
pub(super) fn taken_by(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}
