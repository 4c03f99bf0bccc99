//! Outlet of the clouds: the thread that read them publishes them itself while that is quick, and hands them over to the
//! thread that publishes otherwise.
//!
//! Handing 2 MB to another thread costs its wake-up and moves them from the cache of one core to that of another. As
//! long as publishing takes the few milliseconds of two copies, the reading thread loses nothing by doing it. Once a
//! publish is slow, because the middleware waits for something, it must not keep the link from being read.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::delivery::Sink;
use super::points_publisher::PointsPublishWorker;
use crate::pipeline::queue::Popped;
use crate::pipeline::queued_clouds::QueuedClouds;
use crate::pipeline::queues::{CloudOutput, CloudQueue};

/// Duration from which a publish counts as slow. Two copies of the largest clouds take less; the receive buffers of both
/// sides of the link hold what arrives meanwhile.
const SLOW: Duration = Duration::from_millis(50);
/// Time for which clouds are handed over after a slow publish.
const HANDOVER_TIME: Duration = Duration::from_secs(5);

/// Output of the ingest of clouds, on the thread that reads.
#[derive(Debug)]
pub struct CloudOutlet<S> {
    queue: Arc<CloudQueue>,
    worker: SharedWorker<S>,
    handover_until: Option<Instant>,
}

/// Work of the thread that publishes the clouds that are handed over.
#[derive(Debug)]
pub struct CloudThread<S> {
    queue: Arc<CloudQueue>,
    worker: SharedWorker<S>,
}

#[derive(Debug)]
struct SharedWorker<S>(Arc<Mutex<PointsPublishWorker<S>>>);

impl<S: Sink> CloudOutlet<S> {
    /// Creates the outlet that publishes by `worker`, and the work of its thread.
    pub fn new(worker: PointsPublishWorker<S>) -> (Self, CloudThread<S>) {
        let queue = Arc::clone(&worker.queue);
        let worker = Arc::new(Mutex::new(worker));
        let thread = CloudThread {
            queue: Arc::clone(&queue),
            worker: SharedWorker(Arc::clone(&worker)),
        };
        let outlet = Self {
            queue,
            worker: SharedWorker(worker),
            handover_until: None,
        };
        (outlet, thread)
    }

    /// Publishes `item` on this thread, if that can be expected to be quick. Returns whether it did.
    fn publish_directly(&mut self, item: &QueuedClouds, bytes: usize) -> bool {
        let begun = Instant::now();
        if self.handover_until.is_some_and(|until| begun < until) {
            return false;
        }
        let Some(_claim) = self.queue.claim(bytes) else {
            return false;
        };
        let mut worker = self.worker.lock();
        worker.publish_item(item);
        if worker.has_failed() {
            // Ends the thread, which reports the reason.
            self.queue.interrupt();
        }
        self.handover_until = (begun.elapsed() > SLOW).then(|| Instant::now() + HANDOVER_TIME);
        true
    }
}

impl<S: Sink> CloudOutput for CloudOutlet<S> {
    fn put(&mut self, item: QueuedClouds, bytes: usize) -> Vec<QueuedClouds> {
        if self.publish_directly(&item, bytes) {
            return Vec::new();
        }
        self.queue.push(item, bytes)
    }
}

impl<S: Sink> CloudThread<S> {
    /// Publishes what is handed over until the queue is closed and empty. Fails with the reason if nothing can be
    /// published any more.
    pub fn run(self) -> Result<(), String> {
        loop {
            let next = self.queue.pop();
            let mut worker = self.worker.lock();
            match next {
                Popped::Item(item) => worker.publish_item(&item),
                Popped::Interrupted | Popped::NotReady => {}
                Popped::Closed => return Ok(()),
            }
            worker.check()?;
        }
    }
}

impl<S> SharedWorker<S> {
    /// Locks the worker. The claim of the queue keeps both threads from needing it at the same time. A poisoned lock is
    /// recovered: the supervisor ends the process for the panic.
    fn lock(&self) -> MutexGuard<'_, PointsPublishWorker<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::point_cloud::Cloud;
    use crate::metrics::Metrics;
    use crate::metrics::ledger::{Account, IngestDecision};
    use crate::pipeline::publish::delivery::test_sink::Recorder;
    use crate::pipeline::queued_clouds::{DueCloud, DueClouds, PreviewClouds};
    use crate::pipeline::stream_source::StreamSource;
    use crate::time::stamp::{Arrival, Stamp};
    use crate::topic::{AnyTopic, Topic};
    use bytes::Bytes;
    use tokio::sync::watch;

    /// Middleware that takes its time.
    struct SlowSink(Duration);

    impl Sink for SlowSink {
        type Error = &'static str;

        fn subscribers(&self, _: AnyTopic) -> usize {
            1
        }

        fn publish(&mut self, _: AnyTopic, _: &[u8]) -> Result<(), Self::Error> {
            std::thread::sleep(self.0);
            Ok(())
        }
    }

    struct Fixture<S> {
        metrics: Arc<Metrics>,
        queue: Arc<CloudQueue>,
        outlet: CloudOutlet<S>,
        thread: CloudThread<S>,
    }

    fn fixture<S: Sink>(sink: S) -> Fixture<S> {
        let metrics: Arc<Metrics> = Arc::default();
        let queue = Arc::new(CloudQueue::new(1 << 20));
        let (_sender, config) = watch::channel(Arc::default());
        let worker =
            PointsPublishWorker::new(Arc::clone(&metrics), Arc::clone(&queue), config, sink);
        let (outlet, thread) = CloudOutlet::new(worker);
        Fixture {
            metrics,
            queue,
            outlet,
            thread,
        }
    }

    impl<S: Sink> Fixture<S> {
        /// Puts a cloud of `points` points, as the ingest does.
        fn put(&mut self, points: usize) {
            let ledger = &self.metrics.ledger;
            ledger.record_received(Topic::Raw, IngestDecision::Queued);
            let cloud = Cloud::new(vec![0; 12 * points].into(), Bytes::new()).expect("fits");
            let item = QueuedClouds {
                source: StreamSource::default(),
                arrival: Arrival::now(),
                stamp: Stamp::now(),
                wire: None,
                clouds: DueClouds::from_iter([DueCloud {
                    topic: Topic::Raw,
                    sensor: None,
                    cloud,
                }]),
                preview: PreviewClouds::new(),
            };
            assert!(self.outlet.put(item, 100).is_empty());
            assert!(self.account().balances());
        }

        fn account(&self) -> Account {
            self.metrics.ledger.snapshot()[Topic::Raw.index()]
        }
    }

    #[test]
    fn a_cloud_is_published_without_the_thread_while_nothing_waits() {
        let mut recorder = Recorder::default();
        let mut fixture = fixture(&mut recorder);
        fixture.put(1);
        let account = fixture.account();
        assert_eq!((account.published, account.queued), (1, 0));
        assert_eq!((fixture.queue.fill().items, fixture.queue.taken()), (0, 1));
    }

    #[test]
    fn clouds_behind_a_waiting_one_keep_their_order() {
        let mut recorder = Recorder::default();
        let mut fixture = fixture(&mut recorder);
        fixture.outlet.handover_until = Some(Instant::now() + HANDOVER_TIME);
        fixture.put(1);
        fixture.outlet.handover_until = None;
        fixture.put(2);
        assert_eq!(fixture.queue.fill().items, 2);
        fixture.queue.close();
        fixture.thread.run().expect("nothing is final");
        let lengths = recorder.taken.iter().map(|(_, message)| message.len());
        assert!(lengths.is_sorted() && recorder.taken.len() == 2);
    }

    #[test]
    fn clouds_are_handed_over_after_a_slow_publish() {
        let mut fixture = fixture(SlowSink(SLOW + Duration::from_millis(1)));
        fixture.put(1);
        assert_eq!(fixture.account().published, 1);
        fixture.put(1);
        let account = fixture.account();
        assert_eq!((account.published, account.queued), (1, 1));
        fixture.queue.close();
        fixture.thread.run().expect("nothing is final");
        assert_eq!(
            fixture.metrics.ledger.snapshot()[Topic::Raw.index()].published,
            2
        );
    }

    #[test]
    fn the_thread_ends_with_the_reason_if_nothing_can_be_published_directly_any_more() {
        let mut recorder = Recorder {
            gone: true,
            ..Recorder::default()
        };
        let mut fixture = fixture(&mut recorder);
        fixture.put(1);
        // Although the queue is open and empty.
        let reason = fixture.thread.run().expect_err("ends");
        assert!(reason.contains("no longer valid"), "{reason}");
    }
}
