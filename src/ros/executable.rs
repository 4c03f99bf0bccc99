//! Entry of an executable with a node: its own arguments, console, exit code.

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser};
use sensr_console::Console;

use super::Error;
use super::bridge::Bridge;
use super::node::{self, RosNode};
use super::recorder_node::RecorderNode;
use crate::config::render;
use crate::config::ros_arguments::RosArguments;
use crate::config::table::ParameterTable;
use crate::environment;

/// The executable `sensr_bridge`.
pub static BRIDGE: Executable = Executable::of::<Bridge>();
/// The executable `sensr_recorder`.
pub static RECORDER: Executable = Executable::of::<RecorderNode>();

/// An executable with a node.
#[derive(Debug)]
pub struct Executable {
    table: &'static ParameterTable,
    run: fn(&RosArguments) -> Result<(), Error>,
    print_resolved: fn(&RosArguments) -> Result<(), Error>,
}

#[derive(Debug, Parser)]
#[command(version)]
struct OwnArguments {
    /// Print a parameter file with the defaults of all parameters, and exit.
    #[arg(long)]
    print_params: bool,
    /// Print the parameters that the node would start with as JSON, resolved, and exit.
    #[arg(long)]
    print_resolved: bool,
}

impl Executable {
    const fn of<N: RosNode>() -> Self {
        Self {
            table: N::TABLE,
            run: node::run::<N>,
            print_resolved: node::print_resolved::<N>,
        }
    }

    /// Runs the executable with the command line of the process. `about` describes it in one sentence, `details` in
    /// more.
    #[must_use]
    pub fn execute(&self, about: &'static str, details: &'static str) -> ExitCode {
        let arguments = match RosArguments::from_command_line(std::env::args_os()) {
            Ok(arguments) => arguments,
            Err(error) => return self.report_start_error(&error.into()),
        };
        let own = self.parse_own(&arguments, about, details);
        if own.print_params {
            #[expect(clippy::print_stdout, reason = "the requested output")]
            {
                print!("{}", render::parameter_file(self.table));
            }
            return ExitCode::SUCCESS;
        }
        if let Err(error) = environment::prepare_process(&arguments.ros) {
            self.print_error(&error.to_string());
            return ExitCode::FAILURE;
        }
        if own.print_resolved {
            return (self.print_resolved)(&arguments).map_or_else(
                |error| self.report_start_error(&error),
                |()| ExitCode::SUCCESS,
            );
        }
        let console = match Console::take_over() {
            Ok(console) => console,
            Err(error) => {
                self.print_error(&format!("cannot take over the console: {error}"));
                return ExitCode::FAILURE;
            }
        };
        let code = match (self.run)(&arguments) {
            Ok(()) => 0,
            Err(error) => {
                // With a logger installed, the node has already logged the error.
                if log::max_level() == log::LevelFilter::Off {
                    self.print_error(&error.to_string());
                }
                error.exit_code()
            }
        };
        console.end_with(code)
    }

    /// Parses the arguments that are not for ROS. Ends the process after `--help`, `--version` or an error.
    fn parse_own(&self, all: &RosArguments, about: &'static str, details: &str) -> OwnArguments {
        let command = OwnArguments::command()
            .name(self.table.executable)
            .about(about)
            .long_about(format!("{about}\n\n{details}"));
        let matches = command.get_matches_from(&all.own);
        OwnArguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Prints an error of the start and returns its exit code.
    fn report_start_error(&self, error: &Error) -> ExitCode {
        self.print_error(&error.to_string());
        ExitCode::from(error.exit_code())
    }

    #[expect(clippy::print_stderr, reason = "there is no logger yet")]
    fn print_error(&self, message: &str) {
        eprintln!("{}: {message}", self.table.executable);
    }
}
