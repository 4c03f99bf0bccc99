//! Loop of a thread that publishes: takes items from its queue and publishes them.

use std::sync::Arc;

use tokio::sync::watch;

use super::delivery::{Delivery, Sink};
use crate::config::ResolvedConfig;
use crate::metrics::{Metrics, StreamMetrics};
use crate::pipeline::queue::{ByteQueue, Popped};
use crate::topic::{PublishingThread, Topic};

/// Publisher of one kind of queued items. It owns the buffers that it serializes into.
pub trait StreamPublisher: Default {
    /// Item of the queue.
    type Item;

    /// Thread that this publisher runs on.
    const THREAD: PublishingThread;

    /// Topics that this publisher publishes.
    const TOPICS: &'static [Topic];

    /// Selects the metrics of the stream that the items belong to.
    fn stream(metrics: &Metrics) -> &StreamMetrics;

    /// Takes the next item to publish, and waits for one. Never returns [`Popped::NotReady`].
    fn take_next<S: Sink>(
        &mut self,
        queue: &ByteQueue<Self::Item>,
        _config: &watch::Receiver<Arc<ResolvedConfig>>,
        _sink: &S,
    ) -> Popped<Self::Item> {
        queue.pop()
    }

    /// Publishes an item and settles its messages in the ledger.
    fn publish_item<S: Sink>(
        &mut self,
        item: &Self::Item,
        config: &ResolvedConfig,
        delivery: &mut Delivery<S>,
    );

    /// Publishes the newest latched messages again, and enters them in the ledger. Messages that do not exist are not
    /// made up.
    fn repeat_latched<S: Sink>(&mut self, _config: &ResolvedConfig, _delivery: &mut Delivery<S>) {}
}

/// Publishes the items of a queue until it is closed and empty.
#[derive(Debug)]
pub struct PublishWorker<P: StreamPublisher, S> {
    pub(super) queue: Arc<ByteQueue<P::Item>>,
    config: watch::Receiver<Arc<ResolvedConfig>>,
    publisher: P,
    pub(super) delivery: Delivery<S>,
}

impl<P: StreamPublisher, S: Sink> PublishWorker<P, S> {
    /// Creates a worker that follows changes of `config`.
    pub fn new(
        metrics: Arc<Metrics>,
        queue: Arc<ByteQueue<P::Item>>,
        config: watch::Receiver<Arc<ResolvedConfig>>,
        sink: S,
    ) -> Self {
        const {
            assert!(
                P::THREAD.publishes_exactly(P::TOPICS),
                "the topics of the publisher differ from those of its thread in the table of topics"
            );
        }
        Self {
            queue,
            config,
            publisher: P::default(),
            delivery: Delivery::new(metrics, P::stream, sink),
        }
    }

    /// Publishes until the queue is closed and empty. Fails with the reason if nothing can be published any more.
    pub fn run(mut self) -> Result<(), String> {
        loop {
            let next = self
                .publisher
                .take_next(&self.queue, &self.config, &self.delivery.sink);
            match next {
                Popped::Item(item) => self.publish_item(&item),
                Popped::Interrupted => self.repeat_latched(),
                Popped::NotReady => {}
                Popped::Closed => return Ok(()),
            }
            self.check()?;
        }
    }

    /// Returns whether nothing can be published any more.
    pub(super) fn has_failed(&self) -> bool {
        self.delivery.failure.is_some()
    }

    /// Fails with the reason if nothing can be published any more.
    pub(in crate::pipeline) fn check(&mut self) -> Result<(), String> {
        self.delivery.failure.take().map_or(Ok(()), Err)
    }

    /// Publishes an item that was taken out of the queue.
    pub(in crate::pipeline) fn publish_item(&mut self, item: &P::Item) {
        let config = Arc::clone(&self.config.borrow());
        self.publisher
            .publish_item(item, &config, &mut self.delivery);
    }

    pub(super) fn repeat_latched(&mut self) {
        let config = Arc::clone(&self.config.borrow());
        self.publisher.repeat_latched(&config, &mut self.delivery);
    }
}
