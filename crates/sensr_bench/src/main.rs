//! The `sensr_bench` executable: server, floor and sink of `scripts/bench`. See `sensr_bench --help`.

mod arguments;
mod ros;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use sensr_bench::server::{Event, Server};

use arguments::{Arguments, Command, ServerArguments};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Server(arguments) => serve(arguments),
        Command::Floor(arguments) => ros::floor::run(&arguments),
        Command::Sink(arguments) => ros::sink::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(error.as_ref());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the error of the executable")]
fn print_error(error: &dyn Error) {
    eprintln!("sensr_bench: {error}");
}

/// Prints a line and flushes it.
fn print_line(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Serves until standard input ends. Its first line begins the measured part.
fn serve(arguments: ServerArguments) -> Result<(), Box<dyn Error>> {
    let options = arguments.into_options()?;
    let report = |event| {
        let line = match event {
            Event::Steady { client, number } => format!("STEADY {client} {number}"),
            Event::End { client, number } => format!("END {client} {number}"),
        };
        if let Err(error) = print_line(&line) {
            print_error(&error);
        }
    };
    let server = Server::start(options, Box::new(report))?;
    let mut ready = format!("READY {}", server.output_port());
    for port in server.points_ports() {
        write!(ready, " {port}")?;
    }
    print_line(&ready)?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        return Ok(());
    }
    server.begin_measuring();
    io::copy(&mut io::stdin(), &mut io::sink())?;
    Ok(())
}
