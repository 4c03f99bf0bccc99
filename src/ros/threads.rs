//! Threads of the bridge: two read a link each, three publish.

use std::sync::Arc;

use r2r::Node;
use tokio::sync::watch;

use super::RuntimeError;
use super::publisher::DdsSink;
use super::sensor_publishers::SensorPublishers;
use crate::config::ResolvedConfig;
use crate::connection::options::LinkOptions;
use crate::connection::reconnect::run_link;
use crate::metrics::Metrics;
use crate::pipeline::ingest::{OutputIngest, PointsIngest};
use crate::pipeline::publish::{
    CloudOutlet, ObjectPublishWorker, PointsPublishWorker, ReliablePublishWorker,
};
use crate::pipeline::queues::Queues;
use crate::supervisor::exit_timer;
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::workers::{Worker, Workers};
use crate::topic::PublishingThread;
use tokio_util::sync::CancellationToken;

/// Spawns the threads, and holds the values that they share.
pub(super) struct ThreadSpawner {
    pub(super) metrics: Arc<Metrics>,
    pub(super) config: watch::Receiver<Arc<ResolvedConfig>>,
    pub(super) shutdown: CancellationToken,
    /// Heartbeat of the main thread.
    pub(super) heartbeat: Heartbeat,
    /// Heartbeats of the threads that read.
    pub(super) links: [Heartbeat; 2],
}

impl ThreadSpawner {
    /// Spawns the threads that publish. Returns the outlet of the clouds too, for the thread that reads them.
    pub(super) fn spawn_publishers(
        &self,
        node: &mut Node,
        queues: &Queues,
        config: &ResolvedConfig,
        sensors: &Arc<SensorPublishers>,
    ) -> Result<(CloudOutlet<DdsSink>, Workers), RuntimeError> {
        let mut sink = |thread| DdsSink::new(node, config.qos, thread, sensors);
        let clouds = PointsPublishWorker::new(
            Arc::clone(&self.metrics),
            Arc::clone(&queues.clouds),
            self.config.clone(),
            sink(PublishingThread::Points)?,
        );
        let (outlet, clouds) = CloudOutlet::new(clouds);
        let objects = ObjectPublishWorker::new(
            Arc::clone(&self.metrics),
            Arc::clone(&queues.objects),
            self.config.clone(),
            sink(PublishingThread::Objects)?,
        );
        let reliable = ReliablePublishWorker::new(
            Arc::clone(&self.metrics),
            Arc::clone(&queues.reliable),
            self.config.clone(),
            sink(PublishingThread::Reliable)?,
        );
        let workers = Workers::new([
            Worker::spawn(PublishingThread::Points.name(), move || clouds.run())?,
            Worker::spawn(PublishingThread::Objects.name(), move || objects.run())?,
            Worker::spawn(PublishingThread::Reliable.name(), move || reliable.run())?,
        ]);
        Ok((outlet, workers))
    }

    /// Spawns the threads that read. The first, which may publish clouds, watches the main thread; the signals are
    /// awaited on the second, which never waits.
    pub(super) fn spawn_readers(
        &self,
        queues: &Queues,
        outlet: CloudOutlet<DdsSink>,
        (runtime, signals): (LinkRuntime, Signals),
        points: watch::Receiver<LinkOptions>,
        output: watch::Receiver<LinkOptions>,
    ) -> Result<Workers, RuntimeError> {
        let clouds = PointsIngest::new(Arc::clone(&self.metrics), outlet, self.config.clone());
        let others = OutputIngest::new(
            Arc::clone(&self.metrics),
            Arc::clone(&queues.objects),
            Arc::clone(&queues.reliable),
            self.config.clone(),
        );
        let [points_beats, output_beats] = self.links.clone();
        let (metrics, shutdown) = (Arc::clone(&self.metrics), self.shutdown.clone());
        let (points_runtime, heartbeat) = (create_runtime()?, self.heartbeat.clone());
        let points = Worker::spawn("sensr-points", move || {
            let link = run_link(&metrics.points.link, points, shutdown, clouds);
            points_runtime.run(link, heartbeat.watch(), points_beats);
            Ok(())
        })?;
        let (metrics, shutdown) = (Arc::clone(&self.metrics), self.shutdown.clone());
        let output = Worker::spawn("sensr-output", move || {
            let link = run_link(&metrics.output.link, output, shutdown.clone(), others);
            runtime.run(
                link,
                signals.forward(shutdown, exit_timer::AFTER_SIGNAL),
                output_beats,
            );
            Ok(())
        })?;
        Ok(Workers::new([points, output]))
    }
}

/// Creates the runtime of a link.
pub(super) fn create_runtime() -> Result<LinkRuntime, RuntimeError> {
    LinkRuntime::new().map_err(|source| RuntimeError::System {
        action: "start the runtime of a link",
        source,
    })
}
