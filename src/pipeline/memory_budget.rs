//! What the memory of the process stays below, computed from what bounds it.

use super::Queues;
use crate::metrics::Metrics;
use crate::metrics::process_memory::ProcessMemory;
use crate::topic::{QosClass, Topic};

/// The program itself, its threads, the middleware with what it knows of other nodes, and what the allocator keeps
/// for later. Measured: 45 MiB with nothing to do.
const PROGRAM: u64 = 96 << 20;
/// Copies of a frame outside the queues, per link: being read, put together from its fragments in a vector that may
/// have twice the room, and in the hands of the thread that publishes it.
const FRAME_COPIES: u64 = 4;
/// Copies of a message outside the middleware's history: in the buffer it is serialized in, which may have a third
/// more room than it needs, and the one the middleware is just taking.
const MESSAGE_COPIES: u64 = 3;

/// The bound in bytes, for messages no larger than the largest so far. `qos_depth` is the parameter `qos.depth`;
/// `memory` what the process has now, of which only the part counts that it shares with others: that is as large as
/// the middleware was told to make it.
#[must_use]
pub fn memory_bound(
    stats: &Metrics,
    queues: &Queues,
    qos_depth: usize,
    memory: ProcessMemory,
) -> u64 {
    let waiting: u64 = [
        queues.clouds.fill(),
        queues.objects.fill(),
        queues.reliable.fill(),
    ]
    .iter()
    .map(|fill| fill.max_bytes as u64)
    .sum();
    let links = [&stats.points.link, &stats.output.link];
    let frames: u64 = links
        .iter()
        .map(|link| FRAME_COPIES * link.snapshot().largest_frame)
        .sum();
    let messages: u64 = Topic::ALL
        .iter()
        .zip(stats.ledger.snapshot())
        .map(|(topic, account)| kept(*topic, qos_depth) * account.largest_bytes)
        .sum();
    PROGRAM + waiting + frames + messages + memory.shared_bytes
}

/// Messages of a topic that there may be at a time.
fn kept(topic: Topic, qos_depth: usize) -> u64 {
    let qos_class = topic.qos_class();
    // Both links have a publisher of their frames.
    let publishers = if qos_class == QosClass::Frames { 2 } else { 1 };
    publishers * (qos_class.depth(qos_depth) as u64 + MESSAGE_COPIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::{Intake, Outcome};

    #[test]
    fn grows_with_queues_frames_and_messages_and_what_is_shared() {
        let stats = Metrics::default();
        let bound = |stats: &Metrics, queue, depth, shared_bytes| {
            let memory = ProcessMemory {
                shared_bytes,
                ..ProcessMemory::default()
            };
            memory_bound(stats, &Queues::new(queue), depth, memory)
        };
        let least = bound(&stats, 0, 5, 0);
        assert_eq!(bound(&stats, 1000, 5, 0), least + 2000);
        assert_eq!(bound(&stats, 0, 5, 77), least + 77);
        assert_eq!(bound(&stats, 0, 50, 0), least, "nothing was published");

        stats
            .points
            .link
            .update(|figures| figures.largest_frame = 10);
        assert_eq!(bound(&stats, 0, 5, 0), least + 40);
        stats.ledger.receive(Topic::Raw, Intake::Queued);
        stats
            .ledger
            .settle(Topic::Raw, Outcome::Published { bytes: 100 });
        assert_eq!(bound(&stats, 0, 5, 0), least + 40 + 800);
        assert_eq!(bound(&stats, 0, 50, 0), least + 40 + 5300);
        stats.ledger.receive(Topic::Wire, Intake::Queued);
        stats
            .ledger
            .settle(Topic::Wire, Outcome::Published { bytes: 1 });
        assert_eq!(bound(&stats, 0, 5, 0), least + 40 + 800 + 46);
    }
}
