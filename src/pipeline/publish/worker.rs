//! The publisher's half of every queue.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::pipeline::publish::delivery::{Delivery, Sink, Stream};
use crate::pipeline::queue::ByteQueue;

/// What is done with what was queued. Holds the buffers that it is done in.
pub trait StreamPublisher: Default {
    /// What was queued.
    type Item;

    /// The stream it counts for.
    const STREAM: Stream;

    /// Takes the next item to publish, waiting for one. None once the queue is closed and empty.
    fn take<S: Sink>(
        &mut self,
        queue: &ByteQueue<Self::Item>,
        _config: &watch::Receiver<Arc<Config>>,
        _sink: &S,
    ) -> Option<Self::Item> {
        queue.pop()
    }

    /// Publishes an item and settles its accounts.
    fn publish<S: Sink>(&mut self, item: &Self::Item, config: &Config, hand_over: &mut Delivery<S>);
}

/// Takes items from a queue, serializes them and hands them to a sink.
#[derive(Debug)]
pub struct PublishWorker<W: StreamPublisher, S> {
    queue: Arc<ByteQueue<W::Item>>,
    config: watch::Receiver<Arc<Config>>,
    pub(in crate::pipeline) work: W,
    pub(in crate::pipeline) hand_over: Delivery<S>,
}

impl<W: StreamPublisher, S: Sink> PublishWorker<W, S> {
    /// An outflow that follows changes of `config`.
    pub fn new(
        stats: Arc<Metrics>,
        queue: Arc<ByteQueue<W::Item>>,
        config: watch::Receiver<Arc<Config>>,
        sink: S,
    ) -> Self {
        Self {
            queue,
            config,
            work: W::default(),
            hand_over: Delivery::new(stats, W::STREAM, sink),
        }
    }

    /// Works until the queue is closed and empty. An error says why nothing will be published any more.
    pub fn run(mut self) -> Result<(), String> {
        while let Some(item) = self
            .work
            .take(&self.queue, &self.config, &self.hand_over.sink)
        {
            self.item(&item);
            if let Some(reason) = self.hand_over.broken.take() {
                return Err(reason);
            }
        }
        Ok(())
    }

    pub(in crate::pipeline) fn item(&mut self, item: &W::Item) {
        let config = Arc::clone(&self.config.borrow());
        self.work.publish(item, &config, &mut self.hand_over);
    }
}
