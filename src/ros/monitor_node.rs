//! `sensr_monitor` on ROS: finds the bridges, subscribes to what they tell about themselves, and passes it to a
//! [`Session`].
//!
//! Everything is subscribed with best effort, and nothing is published: the bridges work the same without a monitor.

mod event_subscriptions;
mod graph;
mod messages;
mod stderr_logger;
mod stop_signals;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use r2r::diagnostic_msgs::msg::DiagnosticArray;
use r2r::sensr_bridge::msg::{BridgeStatistics, RecordingStatus};
use r2r::{Context, Node, QosProfile};

use super::node::create_context;
use super::spinner::{SPIN_TIMEOUT, Spinner};
use super::subscription::Subscription;
use super::{Error, RuntimeError};
use crate::config::ros_arguments::RosArguments;
use crate::environment;
use crate::environment::terminal::wants_colors;
use crate::monitor::arguments::MonitorArguments;
use crate::monitor::display::Display;
use crate::monitor::output::Output;
use crate::monitor::session::Session;
use crate::monitor::stderr_relay::StderrRelay;
use crate::monitor::view;
use crate::supervisor::exit_timer;
use crate::time::rate_limiter::RateLimiter;
use event_subscriptions::EventSubscriptions;
use graph::{Graph, absolute};
use stderr_logger::print_problem;
use stop_signals::StopSignals;

/// Name of the node.
const NODE_NAME: &str = "sensr_monitor";
/// Topic of the diagnostics of all nodes.
const DIAGNOSTICS: &str = "/diagnostics";
/// Time between two looks for bridges.
const GRAPH_PERIOD: Duration = Duration::from_secs(1);
/// History of the diagnostics, messages: many nodes publish them at the same time.
const DIAGNOSTICS_DEPTH: usize = 100;
/// History of statistics and recording, messages: about one per second comes.
const SITE_DEPTH: usize = 10;
/// Limit of the shutdown with report, document and plot, above those of its parts.
const FORCED_EXIT_TIMEOUT: Duration = Duration::from_secs(45);

/// Runs `sensr_monitor` with the command line of the process.
#[must_use]
pub fn run_monitor() -> ExitCode {
    let line = match RosArguments::from_command_line(std::env::args_os()) {
        Ok(line) => line,
        Err(error) => return report_error(&error.into()),
    };
    let arguments = match MonitorArguments::parse_line(&line.own) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    if let Err(error) = environment::prepare_process(&line.ros) {
        print_problem(&error.to_string());
        return ExitCode::FAILURE;
    }
    if line.has_parameters() {
        print_problem("there are no parameters: -p and --params-file have no effect, see --help");
    }
    match monitor(arguments, &line) {
        Ok(code) => code,
        Err(error) => report_error(&error),
    }
}

fn report_error(error: &Error) -> ExitCode {
    print_problem(&error.to_string());
    ExitCode::from(error.exit_code())
}

/// Monitors until the end that arguments, operator or a signal set.
fn monitor(arguments: MonitorArguments, line: &RosArguments) -> Result<ExitCode, Error> {
    let system = |action| move |source| RuntimeError::System { action, source };
    // Signals first, so that none is lost during the start.
    let signals = StopSignals::catch().map_err(system("catch signals"))?;
    let context = create_context(line)?;
    let node = Node::create(context.clone(), NODE_NAME, "")
        .map_err(RuntimeError::ros("create the node"))?;
    stderr_logger::install();

    let now = Instant::now();
    let has_view = wants_view(&arguments);
    let deadline = arguments.duration.map(|duration| now + duration);
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    let stdout = stdout.and_then(|stdout| Output::start("standard output", File::from(stdout)));
    let stdout = stdout.map_err(system("write to standard output"))?;
    let session = match Session::start(arguments, stdout, !has_view, now) {
        Ok(session) => session,
        Err(error) => {
            print_problem(&error.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    // A view tears if anything else writes to its terminal. A standard error elsewhere does not.
    let is_kept = has_view && io::stderr().is_terminal();
    let relay = StderrRelay::start(is_kept).map_err(system("take over standard error"))?;
    let display = if has_view {
        let variable = |name: &str| std::env::var(name).ok();
        let (colors, unicode) = (wants_colors(variable), view::is_utf8(variable));
        let display = Display::start(session.sites().clone(), colors, unicode);
        Some(display.map_err(system("draw on the terminal; use --plain"))?)
    } else {
        None
    };
    let running = MonitorNode::new(context, node, session);
    let result = running.and_then(|mut running| {
        let result = running.run(|running, now| {
            signals.is_stopped()
                || deadline.is_some_and(|deadline| now >= deadline)
                || display.as_ref().is_some_and(Display::has_ended)
                || running.session.is_stdout_closed()
        });
        exit_timer::start(FORCED_EXIT_TIMEOUT, exit_timer::EXIT_FAILURE);
        result.map(|()| running.session)
    });
    // The terminal is the operator's again before anything is written to it.
    let view_failure = display.and_then(|display| display.stop().err());
    let session = match result {
        Ok(session) => session,
        Err(error) => {
            drop(relay);
            return Err(error.into());
        }
    };
    let mut problems: Vec<String> = Vec::new();
    problems.extend(view_failure.map(|error| format!("the view has failed: {error}")));
    let errors = session.finish(Instant::now());
    problems.extend(errors.iter().map(ToString::to_string));
    for problem in &problems {
        print_problem(problem);
    }
    drop(relay);
    Ok(if problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Returns whether the live view is wanted and possible.
fn wants_view(arguments: &MonitorArguments) -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    is_terminal && !is_dumb && !arguments.plain && !arguments.has_data_on_stdout()
}

/// The running monitor.
struct MonitorNode {
    session: Session,
    graph: Graph,
    graph_timer: RateLimiter,
    diagnostics: Subscription<DiagnosticArray>,
    sites: BTreeMap<String, SiteSubscriptions>,
    spinner: Spinner,
    node: Node,
    context: Context,
}

/// Subscriptions to one bridge and its recorder.
struct SiteSubscriptions {
    statistics: Subscription<BridgeStatistics>,
    recording: Subscription<RecordingStatus>,
    events: EventSubscriptions,
}

impl MonitorNode {
    fn new(context: Context, mut node: Node, session: Session) -> Result<Self, RuntimeError> {
        let qos = best_effort(DIAGNOSTICS_DEPTH);
        Ok(Self {
            session,
            graph: Graph::default(),
            graph_timer: RateLimiter::default(),
            diagnostics: Subscription::create(&mut node, DIAGNOSTICS, qos)?,
            sites: BTreeMap::new(),
            spinner: Spinner::default(),
            node,
            context,
        })
    }

    /// Runs the main loop until `is_over`.
    fn run(&mut self, is_over: impl Fn(&Self, Instant) -> bool) -> Result<(), RuntimeError> {
        loop {
            let now = Instant::now();
            if is_over(self, now) {
                return Ok(());
            }
            if self.graph_timer.is_due(now, GRAPH_PERIOD) {
                self.find_sites()?;
            }
            let until_period = self.session.poll(now);
            self.spin(until_period.min(SPIN_TIMEOUT))?;
        }
    }

    /// Subscribes to bridges that are new in the graph.
    fn find_sites(&mut self) -> Result<(), RuntimeError> {
        for namespace in self.graph.poll(&self.node)? {
            if !self.sites.contains_key(&namespace) && self.session.add_site(&namespace) {
                let site = SiteSubscriptions::create(&mut self.node, &namespace)?;
                self.sites.insert(namespace, site);
            }
        }
        Ok(())
    }

    /// Waits for messages and takes all that have arrived.
    fn spin(&mut self, limit: Duration) -> Result<(), RuntimeError> {
        let Self {
            session,
            graph,
            diagnostics,
            sites,
            spinner,
            node,
            context,
            ..
        } = self;
        let mut result = Ok(());
        spinner.spin(node, limit, |node| {
            let now = Instant::now();
            let mut served = 0;
            while let Some(message) = diagnostics.next() {
                served += 1;
                take_diagnostics(session, graph, &message);
            }
            for (namespace, site) in sites {
                match site.take(session, namespace, (node, context), now) {
                    Ok(count) => served += count,
                    Err(error) => result = Err(error),
                }
            }
            served
        })?;
        result
    }
}

impl SiteSubscriptions {
    fn create(node: &mut Node, namespace: &str) -> Result<Self, RuntimeError> {
        let topic = |name| absolute(namespace, name);
        let qos = || best_effort(SITE_DEPTH);
        Ok(Self {
            statistics: Subscription::create(node, &topic(graph::STATISTICS), qos())?,
            recording: Subscription::create(node, &topic(graph::RECORDING), qos())?,
            events: EventSubscriptions::new(namespace),
        })
    }

    /// Takes all that has arrived. Returns the number of messages that came through the main node.
    fn take(
        &mut self,
        session: &mut Session,
        namespace: &str,
        (node, context): (&Node, &Context),
        now: Instant,
    ) -> Result<usize, RuntimeError> {
        let mut served = 0;
        while let Some(message) = self.statistics.next() {
            served += 1;
            let sample = messages::bridge_sample(message);
            self.events.on_statistics(node, context, sample.uptime)?;
            session.on_statistics(namespace, sample, now);
        }
        while let Some(message) = self.recording.next() {
            served += 1;
            session.on_recording(namespace, messages::recording_sample(message), now);
        }
        for event in self.events.poll(node) {
            session.on_event(namespace, event);
        }
        Ok(served)
    }
}

/// Takes a message of diagnostics: the statuses of bridges and recorders that are shown, by their node.
fn take_diagnostics(session: &mut Session, graph: &Graph, message: &DiagnosticArray) {
    let mut nodes: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for status in &message.status {
        if let Some((node, task)) = messages::split_status_name(&status.name) {
            let statuses = nodes.entry(node).or_default();
            statuses.push(messages::diagnostic_sample(status, task));
        }
    }
    for (node, statuses) in nodes {
        if let Some((namespace, source)) = graph.node(node)
            && session.selects(namespace)
        {
            session.on_diagnostics(namespace, source, statuses);
        }
    }
}

fn best_effort(depth: usize) -> QosProfile {
    QosProfile::default()
        .best_effort()
        .volatile()
        .keep_last(depth)
}
