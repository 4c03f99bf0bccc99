//! The node: puts the rooms together, spins, and takes them apart again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use r2r::{Context, Node};
use tokio::sync::watch;

use super::link_runtime::{Reactor, Signals};
use super::logging::{self, Rosout};
use super::parameters::ParameterServer;
use super::reporter::Reporter;
use super::services::{LinkServices, Links, Reconnect};
use super::spin::Spin;
use super::static_transform::StaticTransform;
use super::threads::Wiring;
use super::{Arguments, Error, last_resort, statistics};
use crate::config::overrides::Overrides;
use crate::config::resolve::{Resolver, Target};
use crate::config::{Config, Settings};
use crate::connection::options::LinkOptions;
use crate::metrics::Stats;
use crate::pipeline::Queues;
use crate::supervisor::heartbeat::Heartbeat;
use crate::supervisor::queue_watchdog::Consumers;
use crate::supervisor::workers::{Worker, Workers, panic_message};
use tokio_util::sync::CancellationToken;

/// Unless remapped.
const NODE_NAME: &str = "sensr_bridge";
/// The longest the node waits for ROS before it looks at everything else.
const SPIN: Duration = Duration::from_millis(100);
/// What is queued when the node stops may take this long to be published: with half a second for the close frames of
/// the links the node ends within two.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);
/// A thread that was asked to end may take this long beyond what it is known to wait for. They take
/// milliseconds, but a starved machine must not be taken for a stuck thread.
const END_LIMIT: Duration = Duration::from_secs(3);
/// And this long when another has ended of itself: the sooner the node is started again, the less is lost.
const AUTOPSY_LIMIT: Duration = Duration::from_secs(1);

/// Runs the node until SIGINT or SIGTERM. `args` are those of the command line, which rcl reads too.
pub fn run(args: &Arguments) -> Result<(), Error> {
    // First, so that a signal during the start is not lost.
    let reactor = Reactor::new()?;
    let signals = Signals::catch(&reactor)?;
    // Before rcl reads them, whose errors name neither line nor cure.
    let overrides = args.overrides()?;
    let context = create_context(args)?;
    let mut node =
        Node::create(context, NODE_NAME, "").map_err(RuntimeError::ros("create the node"))?;
    let level = args.log_level(node.logger());
    let rosout = logging::install(&mut node, level)?;
    exit_timer::arm_on_panic();
    let result = settings_at_start(&node, &overrides)
        .and_then(|settings| Bridge::start(&mut node, settings, reactor, signals))
        .and_then(|bridge| bridge.run(&mut node, &rosout));
    if let Err(error) = &result {
        exit_timer::arm(exit_timer::AFTER_AN_ERROR, error.exit_code());
        log::error!("{error}");
    }
    rosout.flush();
    // What hangs may be inside the node, which must not be taken down around it.
    let is_stuck = !logging::flush() || matches!(result, Err(Error::Stuck { .. }));
    if is_stuck {
        exit_timer::end_at_once(result.as_ref().map_or_else(Error::exit_code, |()| 0));
    }
    result
}

/// Prints the parameters that [`run`] would start with, those of its site included.
pub fn print_resolved(args: &Arguments) -> Result<(), Error> {
    let overrides = args.overrides()?;
    let node = Node::create(create_context(args)?, NODE_NAME, "")
        .map_err(RuntimeError::ros("create the node"))?;
    let settings = settings_at_start(&node, &overrides)?;
    let given = Config::from_settings(&settings)?;
    let (_, target) = Resolver::start(given, shipped_hosts_file())?;
    if let Some(reason) = target.points.obstacle {
        return Err(Error::Unresolved(reason));
    }
    #[expect(clippy::print_stdout, reason = "this is the output that was asked for")]
    {
        println!("{}", target.config.as_json());
    }
    Ok(())
}

/// The parameters as they are given for this node. What has no effect is logged: a typing error must not go unnoticed
/// for months.
fn settings_at_start(node: &Node, overrides: &Overrides) -> Result<Settings, Error> {
    let name = node
        .fully_qualified_name()
        .map_err(RuntimeError::ros("read the node's name"))?;
    let start = overrides.for_node(&name)?;
    for warning in &start.warnings {
        log::warn!("{warning}");
    }
    for note in &start.notes {
        log::info!("{note}");
    }
    Ok(start.settings)
}

/// r2r panics on arguments that rcl refuses.
fn create_context(args: &Arguments) -> Result<Context, Error> {
    if let Some(unknown) = args.first_unknown() {
        return Err(ConfigError::Arguments(format!("{unknown} is unknown")));
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let created = std::panic::catch_unwind(Context::create);
    std::panic::set_hook(hook);
    match created {
        Ok(context) => context.map_err(RuntimeError::ros("start ROS")),
        Err(panic) => Err(ConfigError::Arguments(panic_message(panic.as_ref()))),
    }
}

/// The running node.
struct Bridge {
    parameters: ParameterServer,
    services: LinkServices,
    control: Control,
    reporter: Reporter,
    readers: Workers,
    publishers: Workers,
    trigger: CancellationToken,
    shutdown: CancellationToken,
    heartbeat: Heartbeat,
}

/// What parameters and services act on.
struct Control {
    stats: Arc<Stats>,
    queues: Queues,
    resolver: Resolver,
    config: watch::Sender<Arc<Config>>,
    points: watch::Sender<LinkOptions>,
    output: watch::Sender<LinkOptions>,
    transform: StaticTransform,
}

impl Control {
    /// Puts a configuration into effect.
    fn apply(&mut self, given: &Config) -> Result<(), Error> {
        let target = self.resolver.change(given)?;
        self.follow(target);
        Ok(())
    }

    /// Goes on with waiting for a hosts file.
    fn poll_resolver(&mut self) -> Result<(), Error> {
        if let Some(target) = self.resolver.poll(Instant::now())? {
            self.follow(target);
        }
        Ok(())
    }

    fn follow(&mut self, target: Target) {
        self.queues
            .set_max_bytes(target.config.queue_max_bytes, &self.stats.ledger);
        follow_frames(&mut self.transform, &target);
        self.config.send_replace(Arc::new(target.config));
        for (link, options) in [(&self.points, target.points), (&self.output, target.output)] {
            // What the services said of the links holds on.
            link.send_modify(|current| {
                *current = LinkOptions {
                    is_wanted: current.is_wanted,
                    requests: current.requests,
                    ..options
                };
            });
        }
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    fn change_links(&self, change: impl Fn(&mut LinkOptions)) {
        for link in [&self.points, &self.output] {
            link.send_modify(&change);
        }
    }
}

/// A site may have frames of its own: until it is known, a transform might be of the wrong ones.
fn follow_frames(transform: &mut StaticTransform, target: &Target) {
    if target.points.obstacle.is_none() {
        transform.follow(&target.config);
    }
}

/// `<prefix>/share/sensr_bridge/config/hosts.yaml` for `<prefix>/lib/sensr_bridge/sensr_bridge`.
fn shipped_hosts_file() -> Option<PathBuf> {
    let executable = std::env::current_exe().ok()?;
    let prefix = executable.ancestors().nth(3)?;
    Some(prefix.join("share/sensr_bridge/config/hosts.yaml"))
}

impl Links for Control {
    fn are_enabled(&self) -> bool {
        self.points.borrow().is_wanted
    }

    fn set_enabled(&mut self, enabled: bool) {
        self.change_links(|link| link.is_wanted = enabled);
    }

    fn reconnect(&mut self) -> Reconnect {
        let outcome = match self.resolver.reread() {
            Ok(target) => {
                self.follow(target);
                Reconnect::Done
            }
            Err(error) if self.resolver.is_waiting() => Reconnect::Nowhere(error.to_string()),
            Err(error) => Reconnect::AsBefore(error.to_string()),
        };
        self.change_links(|link| link.requests += 1);
        outcome
    }
}

impl Bridge {
    fn start(
        node: &mut Node,
        settings: Settings,
        reactor: Reactor,
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
        let trigger = CancellationToken::new();
        let shutdown = trigger.clone();
        let wiring = Wiring {
            stats: Arc::default(),
            config: config_changes,
            trigger,
            shutdown,
            heartbeat: Heartbeat::default(),
        };
        let publishers = wiring.publishers(node, &queues, &target.config)?;
        let readers =
            wiring.readers(&queues, (reactor, signals), points_changes, output_changes)?;
        Ok(Self {
            parameters,
            services,
            reporter,
            control: Control {
                stats: wiring.stats,
                queues,
                resolver,
                config,
                points,
                output,
                transform,
            },
            readers,
            publishers,
            trigger: wiring.trigger,
            shutdown: wiring.shutdown,
            heartbeat: wiring.heartbeat,
        })
    }

    fn run(mut self, node: &mut Node, rosout: &Rosout) -> Result<(), Error> {
        let mut spin = Spin::default();
        let mut consumers = Consumers::new(Instant::now());
        loop {
            // In this order: a thread that has ended because it was asked to was asked before.
            let has_one_ended = self.readers.any_has_ended() || self.publishers.any_has_ended();
            if self.shutdown.is_cancelled() {
                return self.stop();
            }
            if has_one_ended {
                return Err(self.autopsy());
            }
            if let Err(error) = self.turn(node, &mut spin, &mut consumers) {
                self.abandon();
                return Err(error);
            }
            rosout.flush();
        }
    }

    /// What the main thread does again and again.
    fn turn(
        &mut self,
        node: &mut Node,
        spin: &mut Spin,
        consumers: &mut Consumers,
    ) -> Result<(), Error> {
        let Self {
            control,
            parameters,
            services,
            ..
        } = self;
        self.heartbeat.beat();
        consumers.look(Instant::now(), &control.queues)?;
        control.poll_resolver()?;
        let config = control.config();
        let next = self
            .reporter
            .publish_due(node, &control.stats, &control.queues, config);
        let pause = next.saturating_duration_since(Instant::now());
        spin.once(node, pause.min(SPIN), || {
            parameters.serve(|config| control.apply(config)) + services.serve(control)
        })
    }

    /// A thread has ended of itself: nothing goes on without it. Returns why the first did.
    fn autopsy(mut self) -> Error {
        // Before anybody is asked to end: afterwards all of them have.
        let mut dead = self.readers.take_ended();
        dead.extend(self.publishers.take_ended());
        self.abandon();
        let mut errors = dead.into_iter().map(Worker::autopsy);
        let first = errors.next().unwrap_or(Error::Stuck { thread: "main" });
        for error in errors {
            log::error!("{error}");
        }
        first
    }

    /// Ends all threads that can be ended: the node must not be taken down under them.
    fn abandon(self) {
        self.trigger.cancel();
        self.control.queues.close();
        let deadline = Instant::now() + AUTOPSY_LIMIT;
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
