//! The ROS 2 node.

use std::process::ExitCode;

use clap::Parser;
use sensr_bridge::config::ros_arguments::RosArguments;
use sensr_bridge::{config, environment, ros};
use sensr_console::Console;

/// Bridges Seoul Robotics SENSR to ROS 2.
///
/// Parameters and remappings are given the ROS way: `--ros-args -p host:=192.0.2.10 -r __ns:=/site`.
#[derive(Debug, Parser)]
#[command(version)]
struct OwnArguments {
    /// Print a parameter file with every parameter at its default, and end.
    #[arg(long)]
    print_params: bool,
    /// Print the parameters that the node would start with as JSON, those of its site included, and end.
    #[arg(long)]
    print_resolved: bool,
}

fn main() -> ExitCode {
    let arguments = match RosArguments::from_command_line(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error.into()),
    };
    let own = OwnArguments::parse_from(&arguments.own);
    if own.print_params {
        #[expect(clippy::print_stdout, reason = "this is the output that was asked for")]
        {
            print!("{}", config::render::parameter_file());
        }
        return ExitCode::SUCCESS;
    }
    if let Err(error) = environment::prepare(&arguments.ros) {
        warn_throttled(&error.to_string());
        return ExitCode::FAILURE;
    }
    if own.print_resolved {
        return ros::print_resolved(&arguments)
            .map_or_else(|error| refuse(&error), |()| ExitCode::SUCCESS);
    }
    let console = match Console::take_over() {
        Ok(console) => console,
        Err(error) => {
            warn_throttled(&format!("cannot watch over the console: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = match ros::run(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            // Once there is a logger, the node has logged what ended it.
            if log::max_level() == log::LevelFilter::Off {
                warn_throttled(&error.to_string());
            }
            error.exit_code()
        }
    };
    console.end_with(code)
}

/// Ends with the reason, before there is a node.
fn refuse(error: &ros::Error) -> ExitCode {
    warn_throttled(&error.to_string());
    ExitCode::from(error.exit_code())
}

#[expect(clippy::print_stderr, reason = "there is no logger yet")]
fn warn_throttled(message: &str) {
    eprintln!("sensr_bridge: {message}");
}
