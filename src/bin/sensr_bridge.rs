//! The `sensr_bridge` executable: the ROS 2 node.

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
    /// Print a parameter file with the defaults of all parameters, and exit.
    #[arg(long)]
    print_params: bool,
    /// Print the parameters that the node would start with as JSON, with the settings of its site, and exit.
    #[arg(long)]
    print_resolved: bool,
}

fn main() -> ExitCode {
    let arguments = match RosArguments::from_command_line(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return report_start_error(&error.into()),
    };
    let own = OwnArguments::parse_from(&arguments.own);
    if own.print_params {
        #[expect(clippy::print_stdout, reason = "the requested output")]
        {
            print!("{}", config::render::parameter_file(&config::table::BRIDGE));
        }
        return ExitCode::SUCCESS;
    }
    if let Err(error) = environment::prepare_process(&arguments.ros) {
        print_error(&error.to_string());
        return ExitCode::FAILURE;
    }
    if own.print_resolved {
        return ros::print_resolved(&arguments)
            .map_or_else(|error| report_start_error(&error), |()| ExitCode::SUCCESS);
    }
    let console = match Console::take_over() {
        Ok(console) => console,
        Err(error) => {
            print_error(&format!("cannot take over the console: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let code = match ros::run(&arguments) {
        Ok(()) => 0,
        Err(error) => {
            // With a logger installed, the node has already logged the error.
            if log::max_level() == log::LevelFilter::Off {
                print_error(&error.to_string());
            }
            error.exit_code()
        }
    };
    console.end_with(code)
}

/// Prints an error of the start and returns its exit code.
fn report_start_error(error: &ros::Error) -> ExitCode {
    print_error(&error.to_string());
    ExitCode::from(error.exit_code())
}

#[expect(clippy::print_stderr, reason = "there is no logger yet")]
fn print_error(message: &str) {
    eprintln!("sensr_bridge: {message}");
}
