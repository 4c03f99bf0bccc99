//! `log` records on the ROS console, in rcl's log file and on `/rosout`.
//!
//! rcl writes console and file, in a thread that does nothing else: a disk may hang. It would write `/rosout` too if
//! the client library registered the node there; from Jazzy on r2r does not, so the records are published from here,
//! by the thread that spins the node.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Metadata, Record};
use r2r::rcl_interfaces::msg::Log;
use r2r::{LogSeverity, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::{text, time};
use crate::diagnostics::LogFigures;
use crate::environment;
use crate::time::log_throttle::RepeatThrottle;
use crate::time::stamp::Stamp;
use sensr_console::lossy_queue::LossyQueue;

/// Lines that may wait for `/rosout`. More than that between two spins are on the console only.
const WAITING_LINES: usize = 256;
/// Lines that may wait for rcl to write them: some thousand.
const WAITING_BYTES: usize = 256 * 1024;
/// At the end, a disk that has taken nothing for this long is not waited for any more.
const STALL_LIMIT: Duration = Duration::from_millis(400);
/// One that takes a little now and then is waited for no longer than this.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
/// The same line of r2r comes once in this time: it has one for each message that it cannot publish.
const REPEAT_PERIOD: Duration = Duration::from_secs(60);

/// The `/rosout` end. To be [flushed](Self::flush) by the thread that spins the node.
pub(super) struct Rosout {
    lines: Receiver<Log>,
    publisher: Option<Publisher<Log>>,
}

struct RosLogger {
    name: String,
    rosout: SyncSender<Log>,
    r2r: Mutex<RepeatThrottle>,
}

/// Lines that rcl has still to write. A process has one console.
static LINES: LossyQueue<Entry> = LossyQueue::new(WAITING_BYTES);

/// A line for rcl.
struct Entry {
    severity: LogSeverity,
    text: String,
    file: String,
    line: u32,
}

/// Figures of lines that were not written since the start.
pub(super) fn figures() -> LogFigures {
    let console = sensr_console::figures();
    LogFigures {
        lost_lines: console.lost_lines + LINES.lost(),
        is_losing: console.is_losing || LINES.is_losing(),
        no_file: environment::missing_log_file_reason(),
    }
}

/// Waits, not for long, until rcl has written all lines. Returns false if it hangs.
pub(super) fn flush() -> bool {
    LINES.flush(STALL_LIMIT, Instant::now() + FLUSH_LIMIT)
}

/// Makes the ROS console and `/rosout` the destination of all `log` records of this process.
pub(super) fn install(node: &mut r2r::Node, level: LevelFilter) -> Result<Rosout, RuntimeError> {
    // Up to Iron rcl does it: a second publisher would double every line.
    let publisher = if matches!(r2r::ROS_DISTRO, "humble" | "iron") {
        None
    } else {
        let qos = QosProfile::default().keep_last(1000).transient_local();
        let publisher = node
            .create_publisher("/rosout", qos)
            .map_err(RuntimeError::ros("publish /rosout"))?;
        Some(publisher)
    };
    let (sender, lines) = sync_channel(WAITING_LINES);
    let name = node.logger().to_owned();
    let writer_name = name.clone();
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write(&writer_name))
        .map_err(|source| RuntimeError::System {
            action: "start a thread",
            source,
        })?;
    let logger = RosLogger {
        name,
        rosout: sender,
        r2r: Mutex::new(RepeatThrottle::new(REPEAT_PERIOD)),
    };
    // Fails only if a logger is set already, which then is ours: a process has one node.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
    if let Some(reason) = environment::missing_log_file_reason() {
        log::warn!("no log file, only this console and /rosout: {reason}");
    }
    Ok(Rosout { lines, publisher })
}

/// Has rcl write line by line. May hang in one for ever.
fn write(name: &str) {
    while let Some(entry) = LINES.pop() {
        r2r::log(&entry.text, name, &entry.file, entry.line, entry.severity);
        if let Some(loss) = LINES.take_loss() {
            log::warn!(
                "{} log lines were lost: the disk of the log file (ROS_LOG_DIR) did not take them for {:.1} s",
                loss.lines,
                loss.lasted.as_secs_f64()
            );
        }
    }
}

impl Rosout {
    /// Publishes the lines that came since the last time.
    pub(super) fn flush(&self) {
        for line in self.lines.try_iter() {
            if let Some(publisher) = &self.publisher {
                // A failure cannot be logged here without making more lines that fail.
                let _ = publisher.publish(&line);
            }
        }
    }
}

impl RosLogger {
    /// The line as it is to be logged. None if the same one was logged a short time ago.
    fn text(&self, record: &Record<'_>) -> Option<String> {
        let line = record.args().to_string();
        if !record.target().starts_with("r2r") {
            return Some(text(line));
        }
        let mut throttle = self.r2r.lock().unwrap_or_else(PoisonError::into_inner);
        let suppressed = throttle.pass(&line, Instant::now())?;
        Some(text(format!("{line}{suppressed}")))
    }
}

impl log::Log for RosLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries only when something is wrong.
        metadata.level() <= Level::Warn || metadata.target().starts_with("sensr_bridge")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(text) = self.text(record) else {
            return;
        };
        let file = record.file().unwrap_or_default().to_owned();
        let line = record.line().unwrap_or_default();
        let (severity, level) = match record.level() {
            Level::Error => (LogSeverity::Error, Log::ERROR as u8),
            Level::Warn => (LogSeverity::Warn, Log::WARN as u8),
            Level::Info => (LogSeverity::Info, Log::INFO as u8),
            Level::Debug | Level::Trace => (LogSeverity::Debug, Log::DEBUG as u8),
        };
        let message = Log {
            stamp: time(Stamp::now()),
            level,
            name: self.name.clone(),
            msg: text.clone(),
            file: file.clone(),
            function: String::new(),
            line,
        };
        // Full or gone: the line is on the console.
        let _ = self.rosout.try_send(message);
        let bytes = size_of::<Entry>() + text.len() + file.len();
        let entry = Entry {
            severity,
            text,
            file,
            line,
        };
        LINES.push(entry, bytes);
    }

    /// Waits, not for long, until rcl has written all lines.
    fn flush(&self) {
        flush();
    }
}
