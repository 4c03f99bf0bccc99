//! The node: puts the rooms together, spins, and takes them apart again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::sensr_bridge::msg::BridgeStatistics;
use r2r::{Context, Node, Publisher, QosProfile};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::logging::{self, Rosout};
use super::parameters::{self, ParameterServer};
use super::publisher::DdsSink;
use super::workers::{Worker, panic_message};
use super::{Arguments, Error, statistics};
use crate::config::Config;
use crate::config::hosts::Hosts;
use crate::interval::IntervalGrid;
use crate::pipeline::{CloudQueue, Intake, Outflow, settle_as_dropped};
use crate::sensr::client::{self, LinkOptions};
use crate::shutdown::{self, Shutdown, Trigger};
use crate::stats::StreamStats;

/// Unless remapped.
const NODE_NAME: &str = "sensr_bridge";
/// The longest the node waits for ROS before it looks at everything else.
const SPIN: Duration = Duration::from_millis(100);
/// What is queued when the node stops may take this long to be published.
const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// A thread that was asked to end may take this long beyond what it is known to wait for. They take
/// milliseconds, but a starved machine must not be taken for a stuck thread.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Runs the node until SIGINT or SIGTERM. Reads its ROS arguments from the command line.
pub fn run() -> Result<(), Error> {
    // First, so that a signal during the start is not lost.
    let reactor = Reactor::new()?;
    let args = Arguments::split(std::env::args());
    let context = create_context(&args)?;
    let mut node = Node::create(context, NODE_NAME, "").map_err(Error::ros("create the node"))?;
    let level = args.log_level(node.logger());
    let rosout = logging::install(&mut node, level)?;
    let result =
        Bridge::start(&mut node, reactor).and_then(|bridge| bridge.run(&mut node, &rosout));
    if let Err(error) = &result {
        log::error!("{error}");
    }
    rosout.flush();
    result
}

/// r2r panics on arguments that rcl refuses.
fn create_context(args: &Arguments) -> Result<Context, Error> {
    if let Some(unknown) = args.first_unknown() {
        return Err(Error::Arguments(format!("{unknown} is unknown")));
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let created = std::panic::catch_unwind(Context::create);
    std::panic::set_hook(hook);
    match created {
        Ok(context) => context.map_err(Error::ros("start ROS")),
        Err(panic) => Err(Error::Arguments(panic_message(panic.as_ref()))),
    }
}

/// What runs the link, made before anything else so that signals are caught from the start.
struct Reactor {
    runtime: tokio::runtime::Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Reactor {
    fn new() -> Result<Self, Error> {
        let catch = |source| Error::System {
            what: "catch signals",
            source,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|source| Error::System {
                what: "start the reactor",
                source,
            })?;
        let entered = runtime.enter();
        let interrupt = signal(SignalKind::interrupt()).map_err(catch)?;
        let terminate = signal(SignalKind::terminate()).map_err(catch)?;
        drop(entered);
        Ok(Self {
            runtime,
            interrupt,
            terminate,
        })
    }

    /// Keeps the link until a signal or a request to end.
    fn run(
        mut self,
        stats: &StreamStats,
        options: watch::Receiver<LinkOptions>,
        mut intake: Intake,
        trigger: &Trigger,
        shutdown: Shutdown,
    ) {
        let link = client::run(&stats.link, options, shutdown, |payload, arrival| {
            intake.message(payload, arrival);
        });
        let signals = async {
            let name = tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
            };
            log::info!("{name}: stopping");
            trigger.request();
            // The link ends by itself now. A second signal changes nothing: the end is near anyway.
            std::future::pending::<()>().await;
        };
        self.runtime.block_on(async {
            tokio::select! {
                () = link => {}
                () = signals => {}
            }
        });
        // Dropped, it would wait for a name server that does not answer.
        self.runtime.shutdown_background();
    }
}

/// The running node.
struct Bridge {
    parameters: ParameterServer,
    control: Control,
    reporter: Reporter,
    reader: Worker,
    publisher: Worker,
    trigger: Trigger,
    shutdown: Shutdown,
}

/// What a change of parameters acts on.
struct Control {
    stats: Arc<StreamStats>,
    queue: Arc<CloudQueue>,
    config: watch::Sender<Arc<Config>>,
    link: watch::Sender<LinkOptions>,
}

impl Control {
    /// Puts a configuration into effect.
    fn apply(&self, config: &Config) -> Result<(), Error> {
        let options = link_options(config, Some(&self.config.borrow()))?;
        let gone = self.queue.set_max_bytes(config.queue_max_bytes);
        settle_as_dropped(&self.stats.ledger, gone);
        self.config.send_replace(Arc::new(config.clone()));
        self.link.send_replace(options);
        Ok(())
    }
}

/// Publishes the statistics.
struct Reporter {
    start: Instant,
    publisher: Publisher<BridgeStatistics>,
}

impl Reporter {
    /// Publishes all figures as they are now, and returns them.
    fn publish(&self, stats: &StreamStats, queue: &CloudQueue) -> BridgeStatistics {
        let message = statistics::gather(stats, queue, self.start);
        if let Err(error) = self.publisher.publish(&message) {
            log::warn!("could not publish statistics: {error}");
        }
        message
    }
}

/// Looks the host up. If it is another than before and no site, that is said: it may be a typing error.
fn link_options(config: &Config, before: Option<&Config>) -> Result<LinkOptions, Error> {
    let (path, hosts) = match &config.hosts_file {
        Some(path) => (path.clone(), Hosts::load(path)?),
        // Run from the build tree there is none, and nobody asked for it.
        None => match shipped_hosts_file().filter(|path| path.exists()) {
            Some(path) => {
                let hosts = Hosts::load(&path)?;
                (path, hosts)
            }
            None => (PathBuf::new(), Hosts::default()),
        },
    };
    let host = &config.host;
    let is_new = before.is_none_or(|before| {
        (&before.host, &before.hosts_file) != (&config.host, &config.hosts_file)
    });
    if is_new && !hosts.has(host) && !host.contains(['.', ':']) && host != "localhost" {
        let known: Vec<_> = hosts.names().collect();
        log::warn!(
            "host {host} is no site of {} (it has: {}), so it is taken as a host name",
            path.display(),
            known.join(", ")
        );
    }
    Ok(LinkOptions {
        endpoint: hosts.points_endpoint(host, config.points_port),
        max_message_bytes: config.max_message_bytes,
        backoff: config.reconnect,
    })
}

/// `<prefix>/share/sensr_bridge/config/hosts.yaml` for `<prefix>/lib/sensr_bridge/sensr_bridge`.
fn shipped_hosts_file() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let prefix = executable.ancestors().nth(3)?;
    Some(prefix.join("share/sensr_bridge/config/hosts.yaml"))
}

impl Bridge {
    fn start(node: &mut Node, reactor: Reactor) -> Result<Self, Error> {
        let start = Instant::now();
        let settings = parameters::settings_at_start(node)?;
        let config = Config::from_settings(&settings)?;
        let options = link_options(&config, None)?;

        let sink = DdsSink::new(node, config.qos)?;
        let statistics = node
            .create_publisher("statistics", QosProfile::default())
            .map_err(Error::ros("publish statistics"))?;
        let parameters = ParameterServer::new(node, settings)?;

        let stats: Arc<StreamStats> = Arc::default();
        let queue = Arc::new(CloudQueue::new(config.queue_max_bytes));
        let (config, config_changes) = watch::channel(Arc::new(config));
        let (link, link_changes) = watch::channel(options);
        let (trigger, shutdown) = shutdown::channel();

        let intake = Intake::new(
            Arc::clone(&stats),
            Arc::clone(&queue),
            config_changes.clone(),
        );
        let outflow = Outflow::new(Arc::clone(&stats), Arc::clone(&queue), config_changes, sink);
        let publisher = Worker::spawn("publish", move || outflow.run())?;
        let reader = Worker::spawn("sensr-points", {
            let (stats, trigger, shutdown) =
                (Arc::clone(&stats), trigger.clone(), shutdown.clone());
            move || reactor.run(&stats, link_changes, intake, &trigger, shutdown)
        })?;
        Ok(Self {
            parameters,
            reporter: Reporter {
                start,
                publisher: statistics,
            },
            control: Control {
                stats,
                queue,
                config,
                link,
            },
            reader,
            publisher,
            trigger,
            shutdown,
        })
    }

    fn run(mut self, node: &mut Node, rosout: &Rosout) -> Result<(), Error> {
        let mut statistics = IntervalGrid::default();
        while !self.shutdown.is_requested() {
            if self.reader.has_ended() || self.publisher.has_ended() {
                return Err(self.autopsy());
            }
            let now = Instant::now();
            let control = &self.control;
            if statistics.is_due(now, control.config.borrow().statistics_period) {
                self.reporter.publish(&control.stats, &control.queue);
            }
            let to_statistics = statistics
                .next()
                .map_or(SPIN, |next| next.saturating_duration_since(now));
            node.spin_once(to_statistics.min(SPIN));
            self.parameters.serve(|config| control.apply(config));
            rosout.flush();
        }
        self.stop()
    }

    /// A thread has ended of itself: nothing goes on without it. The other one is ended too, for the node
    /// must not be taken down under it.
    fn autopsy(self) -> Error {
        self.trigger.request();
        self.control.queue.close();
        let (dead, other) = if self.reader.has_ended() {
            (self.reader, self.publisher)
        } else {
            (self.publisher, self.reader)
        };
        if let Err(error) = other.join_until(Instant::now() + END_LIMIT) {
            log::error!("{error}");
        }
        dead.autopsy()
    }

    /// In the order of the data: the link first, then what it left in the queue, then the publisher.
    fn stop(self) -> Result<(), Error> {
        let Control { stats, queue, .. } = &self.control;
        self.reader.join_until(Instant::now() + END_LIMIT)?;
        queue.close();
        let left = queue.drain_until(Instant::now() + DRAIN_LIMIT);
        settle_as_dropped(&stats.ledger, left);
        self.publisher.join_until(Instant::now() + END_LIMIT)?;
        statistics::report(&self.reporter.publish(stats, queue));
        Ok(())
    }
}
