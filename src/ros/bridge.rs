//! The running bridge: starts the threads, serves parameters and services, and stops in the order of the data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::Node;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::control::Control;
use super::link_services::LinkServices;
use super::logging::Rosout;
use super::node::RosNode;
use super::parameter_services::ParameterServer;
use super::reporter::Reporter;
use super::sensor_publishers::SensorPublisherFactory;
use super::service_report::ServiceReport;
use super::site_messages::SiteMessages;
use super::spinner::{SPIN_TIMEOUT, Spinner};
use super::split_watch::SplitWatch;
use super::threads::ThreadSpawner;
use super::{Error, RuntimeError, statistics};
use crate::config::hosts::shipped_hosts_file;
use crate::config::resolve::Resolver;
use crate::config::table::{BRIDGE, ParameterTable};
use crate::config::{Config, Settings};
use crate::metrics::Metrics;
use crate::metrics::startup::{Phase, Startup};
use crate::pipeline::queues::Queues;
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::queue_watchdog::{QueueProgress, QueueWatchdog};
use crate::supervisor::workers::{ThreadError, Worker, Workers};
use crate::topic::PublishingThread;

/// Limit for publishing queued messages at shutdown. With half a second for the close frames of the links, the node ends
/// within two seconds.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Time for a thread to end on request, beyond its known waits. It takes milliseconds, but threads of a starved machine
/// must not count as stuck.
const JOIN_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for the other threads to end after a failure: the sooner the node is restarted, the less is lost.
const FAILURE_JOIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The running bridge.
pub(super) struct Bridge {
    parameters: ParameterServer,
    services: LinkServices,
    splits: SplitWatch,
    sensor_publishers: SensorPublisherFactory,
    control: Control,
    reporter: Reporter,
    readers: Workers,
    publishers: Workers,
    shutdown: CancellationToken,
    heartbeat: Heartbeat,
    service: ServiceReport,
}

impl RosNode for Bridge {
    const TABLE: &'static ParameterTable = &BRIDGE;

    fn start(
        node: &mut Node,
        settings: Settings,
        startup: Startup,
        runtime: LinkRuntime,
        signals: Signals,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let given = Config::from_settings(&settings)?;
        let (resolver, initial) = Resolver::start(given, shipped_hosts_file())?;

        let reporter = Reporter::new(node, start)?;
        let mut site_messages = SiteMessages::new(node)?;
        site_messages.publish_changes(&initial);
        let parameters = ParameterServer::new(node, settings)?;
        let services = LinkServices::new(node)?;
        let splits = SplitWatch::new(node)?;
        startup.complete(Phase::Node);

        let queues = Queues::new(initial.config.queue_max_bytes);
        let (config, config_changes) = watch::channel(Arc::new(initial.config.clone()));
        let (points, points_changes) = watch::channel(initial.points);
        let (output, output_changes) = watch::channel(initial.output);
        let spawner = ThreadSpawner {
            metrics: Arc::new(Metrics::new(startup)),
            config: config_changes,
            shutdown: CancellationToken::new(),
            heartbeat: Heartbeat::default(),
            links: [Heartbeat::default(), Heartbeat::default()],
        };
        let sensors = Arc::default();
        let (outlet, publishers) =
            spawner.spawn_publishers(node, &queues, &initial.config, &sensors)?;
        let sensor_publishers = SensorPublisherFactory::new(
            sensors,
            Arc::clone(&spawner.metrics.sensor_topics),
            initial.config.qos,
        );
        let readers = spawner.spawn_readers(
            &queues,
            outlet,
            (runtime, signals),
            points_changes,
            output_changes,
        )?;
        spawner.metrics.startup.complete(Phase::Publishers);
        Ok(Self {
            parameters,
            services,
            splits,
            sensor_publishers,
            reporter,
            control: Control {
                metrics: spawner.metrics,
                queues,
                resolver,
                config,
                points,
                output,
                site_messages,
            },
            readers,
            publishers,
            shutdown: spawner.shutdown,
            heartbeat: spawner.heartbeat,
            service: ServiceReport::new(spawner.links, Instant::now()),
        })
    }

    fn run(mut self, node: &mut Node, rosout: &Rosout) -> Result<(), Error> {
        let mut spinner = Spinner::default();
        let mut watchdog = QueueWatchdog::new(
            PublishingThread::ALL.map(PublishingThread::name),
            Instant::now(),
        );
        loop {
            // In this order: the shutdown is requested before a thread ends by it.
            let has_thread_ended = self.readers.any_has_ended() || self.publishers.any_has_ended();
            if self.shutdown.is_cancelled() {
                return self.stop(rosout);
            }
            if has_thread_ended {
                return Err(self.stop_after_thread_end());
            }
            if let Err(error) = self.run_once(node, &mut spinner, &mut watchdog) {
                self.stop_after_failure();
                return Err(error);
            }
            rosout.publish_waiting();
        }
    }

    fn resolve(settings: &Settings) -> Result<serde_json::Value, Error> {
        let given = Config::from_settings(settings)?;
        let (_, resolved) = Resolver::start(given, shipped_hosts_file())?;
        if let Some(reason) = resolved.points.obstacle {
            return Err(RuntimeError::UnreadableFile(reason).into());
        }
        Ok(resolved.config.as_json())
    }
}

impl Bridge {
    /// Runs one turn of the main loop: watches the threads, publishes reports, serves requests.
    fn run_once(
        &mut self,
        node: &mut Node,
        spinner: &mut Spinner,
        watchdog: &mut QueueWatchdog<{ PublishingThread::ALL.len() }>,
    ) -> Result<(), Error> {
        let Self {
            control,
            parameters,
            services,
            splits,
            sensor_publishers,
            service,
            ..
        } = self;
        self.heartbeat.beat();
        let progress = control.queues.progress();
        let progress = progress.map(|(taken, waiting)| QueueProgress { taken, waiting });
        let now = Instant::now();
        watchdog.poll(now, progress)?;
        service.update(now, &control.metrics, watchdog.are_working());
        control.poll_resolver()?;
        sensor_publishers.create_missing(node);
        let config = control.config();
        let next =
            self.reporter
                .publish_due_reports(node, &control.metrics, &control.queues, config);
        let pause = next.saturating_duration_since(Instant::now());
        let limit = pause.min(SPIN_TIMEOUT);
        spinner.spin(node, limit, |_| {
            let changed =
                parameters.serve(|settings| control.apply(&Config::from_settings(settings)?));
            let requests = changed + services.serve(control);
            let splits = splits.poll(Instant::now());
            if splits.is_new_split {
                control.repeat_latched();
            }
            requests + splits.served
        })?;
        Ok(())
    }

    /// Stops after a thread has ended by itself. Returns the reason of the first such thread.
    fn stop_after_thread_end(mut self) -> Error {
        // Before the others are requested to end: afterwards all have ended.
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

    /// Stops all threads that can be stopped: the node must not be destroyed under them.
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

    /// Shuts down in the order of the data: links, queues, publishers.
    fn stop(mut self, rosout: &Rosout) -> Result<(), Error> {
        self.service.report_stop();
        let Control {
            metrics, queues, ..
        } = &self.control;
        self.readers.join_until(Instant::now() + JOIN_TIMEOUT)?;
        queues.close();
        queues.drain_until(Instant::now() + DRAIN_TIMEOUT, &metrics.ledger);
        self.publishers.join_until(Instant::now() + JOIN_TIMEOUT)?;
        let config = self.control.config();
        let last = self.reporter.publish_statistics(metrics, queues, &config);
        statistics::log_final_report(&last, metrics);
        rosout.publish_waiting();
        self.reporter.wait_for_delivery();
        Ok(())
    }
}
