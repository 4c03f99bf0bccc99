//! The running bridge: starts the threads, serves parameters and services, and stops in the order of the data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::Node;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::control::{Control, follow_frames};
use super::logging::Rosout;
use super::node::shipped_hosts_file;
use super::parameters::ParameterServer;
use super::reporter::Reporter;
use super::services::LinkServices;
use super::static_transform::StaticTransform;
use super::threads::ThreadSpawner;
use super::{Error, RuntimeError, statistics};
use crate::config::resolve::Resolver;
use crate::config::{Config, Settings};
use crate::pipeline::queues::Queues;
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::queue_watchdog::{QueueProgress, QueueWatchdog};
use crate::supervisor::wait_monitor::{WaitHealth, WaitMonitor};
use crate::supervisor::workers::{ThreadError, Worker, Workers};
use crate::topic::PublishingThread;

/// Longest wait for requests in one turn of the main loop.
const SPIN_TIMEOUT: Duration = Duration::from_millis(100);
/// What is queued when the node stops may take this long to be published: with half a second for the close frames of
/// the links the node ends within two.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// A thread that was asked to end may take this long beyond what it is known to wait for. They take
/// milliseconds, but a starved machine must not be taken for a stuck thread.
const END_LIMIT: Duration = Duration::from_secs(3);
/// And this long when another has ended of itself: the sooner the node is started again, the less is lost.
const FAILURE_JOIN_TIMEOUT: Duration = Duration::from_secs(1);

/// Pause after a wait that ended early. A wait that fails returns at once: without a pause it would load a core.
const SUSPICIOUS_WAIT_PAUSE: Duration = Duration::from_millis(5);

/// The running node.
pub(super) struct Bridge {
    parameters: ParameterServer,
    services: LinkServices,
    control: Control,
    reporter: Reporter,
    readers: Workers,
    publishers: Workers,
    shutdown: CancellationToken,
    heartbeat: Heartbeat,
}

impl Bridge {
    pub(super) fn start(
        node: &mut Node,
        settings: Settings,
        runtime: LinkRuntime,
        signals: Signals,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let given = Config::from_settings(&settings)?;
        let (resolver, target) = Resolver::start(given, shipped_hosts_file())?;

        let reporter = Reporter::new(node, start)?;
        let mut transform = StaticTransform::new(node)?;
        follow_frames(&mut transform, &target);
        let parameters = ParameterServer::new(node, settings)?;
        let services = LinkServices::new(node)?;

        let queues = Queues::new(target.config.queue_max_bytes);
        let (config, config_changes) = watch::channel(Arc::new(target.config.clone()));
        let (points, points_changes) = watch::channel(target.points);
        let (output, output_changes) = watch::channel(target.output);
        let spawner = ThreadSpawner {
            stats: Arc::default(),
            config: config_changes,
            shutdown: CancellationToken::new(),
            heartbeat: Heartbeat::default(),
        };
        let publishers = spawner.publishers(node, &queues, &target.config)?;
        let readers =
            spawner.readers(&queues, (runtime, signals), points_changes, output_changes)?;
        Ok(Self {
            parameters,
            services,
            reporter,
            control: Control {
                stats: spawner.stats,
                queues,
                resolver,
                config,
                points,
                output,
                transform,
            },
            readers,
            publishers,
            shutdown: spawner.shutdown,
            heartbeat: spawner.heartbeat,
        })
    }

    pub(super) fn run(mut self, node: &mut Node, rosout: &Rosout) -> Result<(), Error> {
        let mut waits = WaitMonitor::default();
        let mut watchdog = QueueWatchdog::new(
            PublishingThread::ALL.map(PublishingThread::name),
            Instant::now(),
        );
        loop {
            // In this order: a thread that has ended because it was asked to was asked before.
            let has_one_ended = self.readers.any_has_ended() || self.publishers.any_has_ended();
            if self.shutdown.is_cancelled() {
                return self.stop();
            }
            if has_one_ended {
                return Err(self.into_error());
            }
            if let Err(error) = self.turn(node, &mut waits, &mut watchdog) {
                self.stop_after_failure();
                return Err(error);
            }
            rosout.flush();
        }
    }

    /// What the main thread does again and again.
    fn turn(
        &mut self,
        node: &mut Node,
        waits: &mut WaitMonitor,
        watchdog: &mut QueueWatchdog<{ PublishingThread::ALL.len() }>,
    ) -> Result<(), Error> {
        let Self {
            control,
            parameters,
            services,
            ..
        } = self;
        self.heartbeat.beat();
        let progress = control.queues.progress();
        let progress = progress.map(|(taken, waiting)| QueueProgress { taken, waiting });
        watchdog.poll(Instant::now(), progress)?;
        control.poll_resolver()?;
        let config = control.config();
        let next = self
            .reporter
            .publish_due(node, &control.stats, &control.queues, config);
        let pause = next.saturating_duration_since(Instant::now());
        let limit = pause.min(SPIN_TIMEOUT);
        let begun = Instant::now();
        node.spin_once(limit);
        let waited = begun.elapsed();
        let served = parameters.serve(|config| control.apply(config)) + services.serve(control);
        match waits.record(waited, limit, served) {
            WaitHealth::Healthy => {}
            WaitHealth::Suspicious => std::thread::sleep(SUSPICIOUS_WAIT_PAUSE),
            WaitHealth::Failed => return Err(RuntimeError::Wait.into()),
        }
        Ok(())
    }

    /// A thread has ended of itself: nothing goes on without it. Returns why the first did.
    fn into_error(mut self) -> Error {
        // Before anybody is asked to end: afterwards all of them have.
        let mut dead = self.readers.take_ended();
        dead.extend(self.publishers.take_ended());
        self.stop_after_failure();
        let mut errors = dead.into_iter().map(Worker::into_error);
        let first = errors
            .next()
            .unwrap_or(ThreadError::Stuck { thread: "main" });
        for error in errors {
            log::error!("{error}");
        }
        first.into()
    }

    /// Ends all threads that can be ended: the node must not be taken down under them.
    fn stop_after_failure(self) {
        self.shutdown.cancel();
        self.control.queues.close();
        let deadline = Instant::now() + FAILURE_JOIN_TIMEOUT;
        for workers in [self.readers, self.publishers] {
            if let Err(error) = workers.join_until(deadline) {
                log::error!("{error}");
            }
        }
    }

    /// In the order of the data: the links first, then what they left in the queues, then the publishers.
    fn stop(self) -> Result<(), Error> {
        let Control { stats, queues, .. } = &self.control;
        self.readers.join_until(Instant::now() + END_LIMIT)?;
        queues.close();
        queues.drain_until(Instant::now() + DRAIN_LIMIT, &stats.ledger);
        self.publishers.join_until(Instant::now() + END_LIMIT)?;
        let config = self.control.config();
        let last = self.reporter.publish_statistics(stats, queues, &config);
        statistics::report(&last, &stats.ledger.snapshot());
        Ok(())
    }
}
