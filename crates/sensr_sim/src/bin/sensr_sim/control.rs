//! Faults on demand: the lines of stdin.

use std::io;

use sensr_sim::{Fault, Injector};
use tokio::sync::mpsc;

use super::{Event, Failure, print};

/// Lines of stdin that are read ahead.
const LINES_AHEAD: usize = 16;

/// Carries out the lines of stdin, to its end and not further. Returns only if that fails.
pub(super) async fn obey(injector: Injector) -> Result<(), Failure> {
    let mut lines = stdin_lines()?;
    while let Some(line) = lines.recv().await {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let begun = match line.parse::<Fault>() {
            Ok(fault) => injector.inject(fault).await.map_err(|no| no.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = begun {
            print(&Event::Error { line, message })?;
        }
    }
    std::future::pending().await
}

/// The lines of stdin, read in a thread of its own: nothing else can wait for them and for a signal.
fn stdin_lines() -> io::Result<mpsc::Receiver<io::Result<String>>> {
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    let read = move || {
        for line in io::stdin().lines() {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(read)?;
    Ok(receiver)
}
