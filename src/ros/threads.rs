//! The threads of the bridge: two that read, three that publish.

use std::sync::Arc;

use r2r::Node;
use tokio::sync::watch;

use super::RuntimeError;
use super::publisher::DdsSink;
use crate::config::Config;
use crate::connection::options::LinkOptions;
use crate::connection::reconnect::run_link;
use crate::metrics::Metrics;
use crate::pipeline::Queues;
use crate::pipeline::ingest::{OutputIngest, PointsIngest};
use crate::pipeline::publish::{ObjectPublishWorker, PointsPublishWorker, ReliablePublishWorker};
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::workers::{Worker, Workers};
use crate::topic::Topic;
use tokio_util::sync::CancellationToken;

/// Names of the threads that publish, in the order of [`Queues::progress`].
pub(super) const PUBLISHING_THREADS: [&str; 3] = ["pub-points", "pub-objects", "pub-reliable"];

/// What each publishing thread publishes. Both cloud and object thread have a publisher of frames.
const CLOUD_TOPICS: [Topic; 4] = [Topic::Raw, Topic::Ground, Topic::Background, Topic::Wire];
const OBJECT_TOPICS: [Topic; 5] = [
    Topic::Objects,
    Topic::ObjectPoints,
    Topic::ObjectMarkers,
    Topic::ZoneMarkers,
    Topic::Wire,
];
const RELIABLE_TOPICS: [Topic; 6] = [
    Topic::Zones,
    Topic::ZoneEvents,
    Topic::LosingEvents,
    Topic::RecalibrationEvents,
    Topic::Health,
    Topic::ServerStatus,
];

/// Starts the threads, and holds what they share.
pub(super) struct ThreadSpawner {
    pub(super) stats: Arc<Metrics>,
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) shutdown: CancellationToken,
    pub(super) heartbeat: Heartbeat,
}

impl ThreadSpawner {
    /// Starts the threads that publish.
    pub(super) fn publishers(
        &self,
        node: &mut Node,
        queues: &Queues,
        config: &Config,
    ) -> Result<Workers, RuntimeError> {
        let mut sink = |topics: &[Topic]| DdsSink::new(node, config.qos, topics);
        let clouds = PointsPublishWorker::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.clouds),
            self.config.clone(),
            sink(&CLOUD_TOPICS)?,
        );
        let objects = ObjectPublishWorker::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.objects),
            self.config.clone(),
            sink(&OBJECT_TOPICS)?,
        );
        let reliable = ReliablePublishWorker::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.reliable),
            self.config.clone(),
            sink(&RELIABLE_TOPICS)?,
        );
        Ok(Workers::new([
            Worker::spawn(PUBLISHING_THREADS[0], move || clouds.run())?,
            Worker::spawn(PUBLISHING_THREADS[1], move || objects.run())?,
            Worker::spawn(PUBLISHING_THREADS[2], move || reliable.run())?,
        ]))
    }

    /// Starts the threads that read. The signals are caught in the reactor of the first.
    pub(super) fn readers(
        &self,
        queues: &Queues,
        (runtime, signals): (LinkRuntime, Signals),
        points: watch::Receiver<LinkOptions>,
        output: watch::Receiver<LinkOptions>,
    ) -> Result<Workers, RuntimeError> {
        let clouds = PointsIngest::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.clouds),
            self.config.clone(),
        );
        let rest = OutputIngest::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.objects),
            Arc::clone(&queues.reliable),
            self.config.clone(),
        );
        let (stats, shutdown) = (Arc::clone(&self.stats), self.shutdown.clone());
        let points = Worker::spawn("sensr-points", move || {
            let link = run_link(&stats.points.link, points, shutdown.clone(), clouds);
            runtime.run(link, signals.forward(shutdown));
            Ok(())
        })?;
        let (stats, shutdown) = (Arc::clone(&self.stats), self.shutdown.clone());
        let (runtime, heartbeat) = (new_runtime()?, self.heartbeat.clone());
        let output = Worker::spawn("sensr-output", move || {
            let link = run_link(&stats.output.link, output, shutdown, rest);
            runtime.run(link, heartbeat.watch());
            Ok(())
        })?;
        Ok(Workers::new([points, output]))
    }
}

/// Creates the runtime of a link.
pub(super) fn new_runtime() -> Result<LinkRuntime, RuntimeError> {
    LinkRuntime::new().map_err(|source| RuntimeError::System {
        action: "start the runtime of a link",
        source,
    })
}
