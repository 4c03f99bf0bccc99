//! Which thread does what.

use std::sync::Arc;

use r2r::Node;
use tokio::sync::watch;

use super::RuntimeError;
use super::link_runtime::{Reactor, Signals};
use super::publisher::DdsSink;
use crate::config::Config;
use crate::connection::options::LinkOptions;
use crate::connection::reconnect;
use crate::metrics::Stats;
use crate::pipeline::Queues;
use crate::pipeline::ingest::{CloudIntake, OutputIntake};
use crate::pipeline::publish::{CloudOutflow, NoticeOutflow, ObjectOutflow};
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::workers::{Worker, Workers};
use crate::topic::Topic;
use tokio_util::sync::CancellationToken;

/// What each publishing thread publishes. Both cloud and object thread have a publisher of frames.
const CLOUD_TOPICS: [Topic; 4] = [Topic::Raw, Topic::Ground, Topic::Background, Topic::Wire];
const OBJECT_TOPICS: [Topic; 5] = [
    Topic::Objects,
    Topic::ObjectPoints,
    Topic::ObjectMarkers,
    Topic::ZoneMarkers,
    Topic::Wire,
];
const NOTICE_TOPICS: [Topic; 6] = [
    Topic::Zones,
    Topic::ZoneEvents,
    Topic::LosingEvents,
    Topic::RecalibrationEvents,
    Topic::Health,
    Topic::ServerStatus,
];

/// What all threads are given.
pub(super) struct Wiring {
    pub(super) stats: Arc<Stats>,
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) trigger: CancellationToken,
    pub(super) shutdown: CancellationToken,
    pub(super) heartbeat: Heartbeat,
}

impl Wiring {
    /// Starts the threads that publish.
    pub(super) fn publishers(
        &self,
        node: &mut Node,
        queues: &Queues,
        config: &Config,
    ) -> Result<Workers, RuntimeError> {
        let mut sink = |topics: &[Topic]| DdsSink::new(node, config.qos, topics);
        let clouds = CloudOutflow::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.clouds),
            self.config.clone(),
            sink(&CLOUD_TOPICS)?,
        );
        let objects = ObjectOutflow::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.objects),
            self.config.clone(),
            sink(&OBJECT_TOPICS)?,
        );
        let notices = NoticeOutflow::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.notices),
            self.config.clone(),
            sink(&NOTICE_TOPICS)?,
        );
        Ok(Workers::new([
            Worker::spawn("pub-points", move || clouds.run())?,
            Worker::spawn("pub-objects", move || objects.run())?,
            Worker::spawn("pub-events", move || notices.run())?,
        ]))
    }

    /// Starts the threads that read. The signals are caught in the reactor of the first.
    pub(super) fn readers(
        &self,
        queues: &Queues,
        (reactor, signals): (Reactor, Signals),
        points: watch::Receiver<LinkOptions>,
        output: watch::Receiver<LinkOptions>,
    ) -> Result<Workers, RuntimeError> {
        let clouds = CloudIntake::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.clouds),
            self.config.clone(),
        );
        let rest = OutputIntake::new(
            Arc::clone(&self.stats),
            Arc::clone(&queues.objects),
            Arc::clone(&queues.notices),
            self.config.clone(),
        );
        let (stats, shutdown) = (Arc::clone(&self.stats), self.shutdown.clone());
        let trigger = self.trigger.clone();
        let points = Worker::spawn("sensr-points", move || {
            let link = client::run(&stats.points.link, points, shutdown, clouds);
            reactor.run(link, signals.pull(trigger));
            Ok(())
        })?;
        let (stats, shutdown) = (Arc::clone(&self.stats), self.shutdown.clone());
        let (reactor, heartbeat) = (Reactor::new()?, self.heartbeat.clone());
        let output = Worker::spawn("sensr-output", move || {
            let link = client::run(&stats.output.link, output, shutdown, rest);
            reactor.run(link, heartbeat.watch());
            Ok(())
        })?;
        Ok(Workers::new([points, output]))
    }
}
