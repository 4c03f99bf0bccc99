//! Memory budget of the process: an upper bound of its resident memory, computed from the bounds of its parts.

use super::queues::Queues;
use crate::connection::websocket::MAX_BUFFERS;
use crate::metrics::Metrics;
use crate::metrics::process_memory::ProcessMemory;
use crate::topic::AnyTopic;

/// Program, threads, middleware with its knowledge of other nodes, and memory that the allocator retains. Measured:
/// 45 MiB when idle.
const PROGRAM: u64 = 96 << 20;
/// Copies of a frame outside the queues, per link: the recycled buffers, each with an eighth more capacity; the larger
/// buffer that a message in fragments moves to; and the frame that is being published.
const FRAME_COPIES: u64 = MAX_BUFFERS as u64 + 3;
/// Copies of a message outside the middleware's history: in the buffer it is serialized in, which may have a third more
/// capacity, and the one that the middleware is taking over.
const MESSAGE_COPIES: u64 = 3;

/// Returns the bound in bytes, for messages no larger than the largest so far. `qos_depth` is the parameter `qos.depth`.
/// Of `memory`, the present memory of the process, only the shared part counts: it is as large as the middleware was
/// configured to make it.
#[must_use]
pub fn memory_bound(
    metrics: &Metrics,
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
    let links = [&metrics.points.link, &metrics.output.link];
    let frames: u64 = links
        .iter()
        .map(|link| FRAME_COPIES * link.snapshot().largest_frame)
        .sum();
    let messages: u64 = AnyTopic::all()
        .zip(metrics.ledger.snapshot())
        .map(|(topic, account)| message_copies(topic, qos_depth) * account.largest_bytes)
        .sum();
    PROGRAM + waiting + frames + messages + memory.shared_bytes
}

/// Returns the largest number of messages of a topic that exist at a time.
fn message_copies(topic: AnyTopic, qos_depth: usize) -> u64 {
    let topic = topic.row();
    let history = topic.qos_class().depth(qos_depth) as u64;
    topic.publisher_count() as u64 * (history + MESSAGE_COPIES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ledger::{IngestDecision, Outcome};
    use crate::topic::{SensorSlot, Topic};

    #[test]
    fn the_bound_grows_with_queues_frames_messages_and_shared_memory() {
        let metrics = Metrics::default();
        let bound = |metrics: &Metrics, queue, depth, shared_bytes| {
            let memory = ProcessMemory {
                shared_bytes,
                ..ProcessMemory::default()
            };
            memory_bound(metrics, &Queues::new(queue), depth, memory)
        };
        let least = bound(&metrics, 0, 5, 0);
        assert_eq!(bound(&metrics, 1000, 5, 0), least + 2000);
        assert_eq!(bound(&metrics, 0, 5, 77), least + 77);
        assert_eq!(bound(&metrics, 0, 50, 0), least, "nothing was published");

        metrics
            .points
            .link
            .update(|figures| figures.largest_frame = 10);
        assert_eq!(bound(&metrics, 0, 5, 0), least + 60);
        metrics
            .ledger
            .record_received(Topic::Raw, IngestDecision::Queued);
        metrics
            .ledger
            .settle(Topic::Raw, Outcome::Published { bytes: 100 });
        assert_eq!(bound(&metrics, 0, 5, 0), least + 60 + 800);
        assert_eq!(bound(&metrics, 0, 50, 0), least + 60 + 5300);
        metrics
            .ledger
            .record_received(Topic::Wire, IngestDecision::Queued);
        metrics
            .ledger
            .settle(Topic::Wire, Outcome::Published { bytes: 1 });
        assert_eq!(bound(&metrics, 0, 5, 0), least + 60 + 800 + 46);
        let sensor = SensorSlot::ALL[0];
        metrics
            .ledger
            .record_received(sensor, IngestDecision::Queued);
        metrics
            .ledger
            .settle(sensor, Outcome::Published { bytes: 100 });
        assert_eq!(bound(&metrics, 0, 5, 0), least + 60 + 1600 + 46);
    }
}
