//! Simulator of a SENSR server. See `sensr_sim --help`.

mod arguments;
mod faults;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use log::LevelFilter;
use sensr_console::Console;
use sensr_sim::{FaultEvent, Options, Report, Server, SimError};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use arguments::{Arguments, one_line_message};
use faults::run_commands;

/// Exit code for invalid arguments or input.
const EXIT_BAD_REQUEST: u8 = 2;

/// Exit code for any other error.
const EXIT_FAILURE: u8 = 1;

/// Event printed on stdout.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Listening {
        bind: IpAddr,
        points_port: u16,
        output_port: u16,
        tls: bool,
    },
    /// A line of stdin is not a fault that can be run.
    Error {
        line: String,
        message: String,
    },
    Done(Box<Report>),
}

fn main() -> ExitCode {
    init_log();
    let arguments = match Arguments::from_command_line() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            print_error(&one_line_message(&error));
            return ExitCode::from(EXIT_BAD_REQUEST);
        }
        Err(help) => help.exit(),
    };
    let reads_commands = arguments.reads_commands();
    let options = match arguments.into_options() {
        Ok(options) => options,
        Err(error) => {
            print_error(&error.to_string());
            return ExitCode::from(EXIT_BAD_REQUEST);
        }
    };
    // A stopped terminal must not stop the streams.
    let console = match Console::take_over() {
        Ok(console) => console,
        Err(error) => {
            print_error(&format!("cannot relay the console: {error}"));
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let code = match run(options, reads_commands) {
        Ok(()) => 0,
        Err(error) => {
            print_error(&error.to_string());
            match error {
                Failure::Sim(error) if error.is_bad_request() => EXIT_BAD_REQUEST,
                Failure::Sim(_) | Failure::Io(_) => EXIT_FAILURE,
            }
        }
    };
    console.end_with(code)
}

/// Error of a run.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn run(options: Options, reads_commands: bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop_signal = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::pin!(stop_signal);
        let (bind, tls) = (options.bind, options.tls.is_some());
        // Searching a bag without a summary can take long.
        let server = tokio::select! {
            started = Server::start(options) => started?,
            () = &mut stop_signal => return Ok(()),
        };
        let mut faults = server.fault_events();
        let port = |address: SocketAddr| address.port();
        print_event(&Event::Listening {
            bind,
            points_port: port(server.points_addr()),
            output_port: port(server.output_addr()),
            tls,
        })?;
        let injector = server.injector();
        let report = tokio::select! {
            report = server.run_until(stop_signal) => report?,
            failed = print_fault_events(&mut faults) => return failed,
            failed = run_commands(injector), if reads_commands => return failed,
        };
        while let Ok(fault) = faults.try_recv() {
            print_event(&fault)?;
        }
        print_event(&Event::Done(Box::new(report)))?;
        Ok(())
    });
    // Does not wait for a file that is still being read.
    runtime.shutdown_background();
    ended
}

/// Prints the fault events. Returns only on an error.
async fn print_fault_events(
    faults: &mut mpsc::UnboundedReceiver<FaultEvent>,
) -> Result<(), Failure> {
    while let Some(fault) = faults.recv().await {
        print_event(&fault)?;
    }
    std::future::pending().await
}

/// Prints one line of JSON and flushes it.
fn print_event(event: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

#[expect(clippy::print_stderr, reason = "errors are printed here")]
fn print_error(message: &str) {
    eprintln!("sensr_sim: {message}");
}

fn init_log() {
    let start = Instant::now();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_default_env()
        .format(move |out, record| {
            let at = start.elapsed().as_secs_f64();
            writeln!(out, "{at:9.3} {:5} {}", record.level(), record.args())
        })
        .init();
}
