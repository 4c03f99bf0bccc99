//! The ROS 2 node.

use std::process::ExitCode;

use clap::Parser;
use sensr_bridge::{config, ros};

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
    let arguments = match ros::Arguments::from_command_line(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let own = OwnArguments::parse_from(&arguments.own);
    if own.print_params {
        #[expect(clippy::print_stdout, reason = "this is the output that was asked for")]
        {
            print!("{}", config::yaml::defaults());
        }
        return ExitCode::SUCCESS;
    }
    let run = if own.print_resolved {
        ros::print_resolved
    } else {
        ros::run
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

/// Ends with the reason. Once there is a logger, the node has logged it.
fn refuse(error: &ros::Error) -> ExitCode {
    if log::max_level() == log::LevelFilter::Off {
        #[expect(clippy::print_stderr, reason = "there is no logger yet")]
        {
            eprintln!("sensr_bridge: {error}");
        }
    }
    ExitCode::from(error.exit_code())
}
