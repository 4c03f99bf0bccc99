//! The node: creates it, runs its application on it, and shuts it down in order.

use r2r::{Context, Node};

use super::logging::Rosout;
use super::threads::create_runtime;
use super::{Error, RuntimeError, logging};
use crate::config::overrides::Overrides;
use crate::config::ros_arguments::RosArguments;
use crate::config::table::ParameterTable;
use crate::config::{ConfigError, Settings};
use crate::metrics::startup::{Phase, Startup};
use crate::supervisor::exit_timer;
use crate::supervisor::link_runtime::{LinkRuntime, Signals};
use crate::supervisor::workers::{ThreadError, panic_message};

/// Application of a node.
pub(super) trait RosNode: Sized {
    /// Parameters of the node. Its name, unless remapped, is that of the executable.
    const TABLE: &'static ParameterTable;

    /// Starts on a node that nothing else uses. `startup` is that of the process, with the arguments read.
    fn start(
        node: &mut Node,
        settings: Settings,
        startup: Startup,
        runtime: LinkRuntime,
        signals: Signals,
    ) -> Result<Self, Error>;

    /// Runs until SIGINT or SIGTERM.
    fn run(self, node: &mut Node, rosout: &Rosout) -> Result<(), Error>;

    /// Returns the configuration that the node would start with as JSON.
    fn resolve(settings: &Settings) -> Result<serde_json::Value, Error>;
}

/// Runs the node until SIGINT or SIGTERM. `args` is the command line, which rcl reads too.
pub(super) fn run<N: RosNode>(args: &RosArguments) -> Result<(), Error> {
    let startup = Startup::of_this_process();
    // Signals first, so that none is lost during the start.
    let runtime = create_runtime()?;
    let signals = Signals::catch(&runtime).map_err(|source| RuntimeError::System {
        action: "catch signals",
        source,
    })?;
    // Before rcl reads the arguments: its errors name neither line nor cure.
    let overrides = args.overrides()?;
    startup.complete(Phase::Settings);
    let context = create_context(args)?;
    let mut node = Node::create(context, N::TABLE.executable, "")
        .map_err(RuntimeError::ros("create the node"))?;
    let level = args.log_level(node.logger());
    let rosout = logging::install_logger(&mut node, level)?;
    exit_timer::start_on_panic();
    let result = settings_at_start(&node, &overrides, N::TABLE)
        .and_then(|settings| N::start(&mut node, settings, startup, runtime, signals))
        .and_then(|started| started.run(&mut node, &rosout));
    if let Err(error) = &result {
        exit_timer::start(exit_timer::AFTER_ERROR, error.exit_code());
        log::error!("{error}");
    }
    rosout.publish_waiting();
    // A thread that hangs may be inside the node, which must not be destroyed under it.
    let is_stuck = !logging::flush()
        || matches!(
            result,
            Err(Error::Runtime(RuntimeError::Thread(
                ThreadError::Stuck { .. }
            )))
        );
    if is_stuck {
        exit_timer::end_at_once(result.as_ref().map_or_else(Error::exit_code, |()| 0));
    }
    result
}

/// Prints the parameters that [`run`] would start with, resolved, as JSON.
pub(super) fn print_resolved<N: RosNode>(args: &RosArguments) -> Result<(), Error> {
    let overrides = args.overrides()?;
    let node = Node::create(create_context(args)?, N::TABLE.executable, "")
        .map_err(RuntimeError::ros("create the node"))?;
    let settings = settings_at_start(&node, &overrides, N::TABLE)?;
    let resolved = N::resolve(&settings)?;
    #[expect(clippy::print_stdout, reason = "this is the output that was asked for")]
    {
        println!("{resolved}");
    }
    Ok(())
}

/// Returns the parameters given for this node. Values without effect are logged: a typing error must not go unnoticed
/// for months.
fn settings_at_start(
    node: &Node,
    overrides: &Overrides,
    table: &'static ParameterTable,
) -> Result<Settings, Error> {
    let name = node
        .fully_qualified_name()
        .map_err(RuntimeError::ros("read the node's name"))?;
    let start = overrides.for_node(&name, table)?;
    for warning in &start.warnings {
        log::warn!("{warning}");
    }
    for note in &start.notes {
        log::info!("{note}");
    }
    Ok(start.settings)
}

/// Creates the context. r2r panics on arguments that rcl refuses; the panic becomes an error.
pub(super) fn create_context(args: &RosArguments) -> Result<Context, Error> {
    if let Some(unknown) = args.first_unknown() {
        return Err(ConfigError::Arguments(format!("{unknown} is unknown")).into());
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let created = std::panic::catch_unwind(Context::create);
    std::panic::set_hook(hook);
    match created {
        Ok(context) => Ok(context.map_err(RuntimeError::ros("start ROS"))?),
        Err(panic) => Err(ConfigError::Arguments(panic_message(panic.as_ref())).into()),
    }
}
