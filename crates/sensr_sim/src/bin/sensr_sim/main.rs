//! A SENSR server to try things with. See `sensr_sim --help`.

mod arguments;
mod control;

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

use arguments::{Arguments, one_line};
use control::obey;

/// The arguments or the input cannot be used.
const EXIT_BAD_REQUEST: u8 = 2;

/// Something else went wrong.
const EXIT_FAILURE: u8 = 1;

/// What is printed on stdout.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Listening {
        bind: IpAddr,
        points_port: u16,
        output_port: u16,
        tls: bool,
    },
    /// A line of stdin was not carried out.
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
            complain(&one_line(&error));
            return ExitCode::from(EXIT_BAD_REQUEST);
        }
        Err(help) => help.exit(),
    };
    let is_controlled = arguments.is_controlled();
    let options = match arguments.options() {
        Ok(options) => options,
        Err(unusable) => {
            complain(&unusable.to_string());
            return ExitCode::from(EXIT_BAD_REQUEST);
        }
    };
    // A terminal that is stopped must not stop the streams.
    let console = match Console::take_over() {
        Ok(console) => console,
        Err(error) => {
            complain(&format!("cannot watch over the console: {error}"));
            return ExitCode::from(EXIT_FAILURE);
        }
    };
    let code = match run(options, is_controlled) {
        Ok(()) => 0,
        Err(error) => {
            complain(&error.to_string());
            match error {
                Failure::Sim(error) if error.is_bad_request() => EXIT_BAD_REQUEST,
                Failure::Sim(_) | Failure::Io(_) => EXIT_FAILURE,
            }
        }
    };
    console.end_with(code)
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Sim(#[from] SimError),
    #[error("{0}")]
    Io(#[from] io::Error),
}

fn run(options: Options, is_controlled: bool) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let asked_to_stop = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::pin!(asked_to_stop);
        let (bind, tls) = (options.bind, options.tls.is_some());
        // Looking through a bag that has no summary can take long.
        let server = tokio::select! {
            started = Server::start(options) => started?,
            () = &mut asked_to_stop => return Ok(()),
        };
        let mut faults = server.fault_events();
        let port = |address: SocketAddr| address.port();
        print(&Event::Listening {
            bind,
            points_port: port(server.points_addr()),
            output_port: port(server.output_addr()),
            tls,
        })?;
        let injector = server.injector();
        let report = tokio::select! {
            report = server.run_until(asked_to_stop) => report?,
            failed = tell(&mut faults) => return failed,
            failed = obey(injector), if is_controlled => return failed,
        };
        while let Ok(fault) = faults.try_recv() {
            print(&fault)?;
        }
        print(&Event::Done(Box::new(report)))?;
        Ok(())
    });
    // Nobody waits for the rest of a file that is still being read.
    runtime.shutdown_background();
    ended
}

/// Prints the events of faults. Returns only if that fails.
async fn tell(faults: &mut mpsc::UnboundedReceiver<FaultEvent>) -> Result<(), Failure> {
    while let Some(fault) = faults.recv().await {
        print(&fault)?;
    }
    std::future::pending().await
}

/// Prints one line and makes sure that it is seen.
fn print(event: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.flush()
}

#[expect(clippy::print_stderr, reason = "the one place that reports the error")]
fn complain(message: &str) {
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
