//! Logger of the process: writes `log` records to the ROS console, to rcl's log file, and to `/rosout`.
//!
//! A thread of its own has rcl write console and file, because a disk may hang. rcl would publish `/rosout` too if the
//! client library registered the node there. From Jazzy on r2r does not, so the thread that spins the node publishes
//! the records.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Metadata, Record};
use r2r::rcl_interfaces::msg::Log;
use r2r::{LogSeverity, Publisher, QosProfile};

use super::RuntimeError;
use super::ros_types::{to_c_text, to_time};
use crate::diagnostics::LogFigures;
use crate::environment;
use crate::time::log_throttle::RepeatThrottle;
use crate::time::stamp::Stamp;
use sensr_console::lossy_queue::LossyQueue;

/// Capacity of the queue for `/rosout`, lines. More lines between two spins are on the console only.
const ROSOUT_QUEUE_LINES: usize = 256;
/// Capacity of the queue for rcl: some thousand lines.
const RCL_QUEUE_BYTES: usize = 256 * 1024;
/// Longest wait at shutdown for a disk that takes no line at all.
const STALL_TIMEOUT: Duration = Duration::from_millis(400);
/// Longest wait at shutdown for a slow disk.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// Time in which the same line of r2r is logged once. r2r logs one for each message that it cannot publish.
const REPEAT_PERIOD: Duration = Duration::from_secs(60);

/// Publisher of `/rosout`. The thread that spins the node has to call [`publish_waiting`](Self::publish_waiting).
pub(super) struct Rosout {
    lines: Receiver<Log>,
    publisher: Option<Publisher<Log>>,
}

struct RosLogger {
    name: String,
    rosout: SyncSender<Log>,
    r2r: Mutex<RepeatThrottle>,
}

/// Queue of lines for rcl. A process has one console.
static LINES: LossyQueue<Entry> = LossyQueue::new(RCL_QUEUE_BYTES);

/// Log line for rcl.
struct Entry {
    severity: LogSeverity,
    text: String,
    file: String,
    line: u32,
}

/// Returns counters of the lines that were not written since the start.
pub(super) fn figures() -> LogFigures {
    let console = sensr_console::figures();
    LogFigures {
        lost_lines: console.lost_lines + LINES.lost(),
        is_losing: console.is_losing || LINES.is_losing(),
        no_file: environment::missing_log_file_reason(),
    }
}

/// Waits until rcl has written all lines, with a time limit. Returns false if it hangs.
pub(super) fn flush() -> bool {
    LINES.flush(STALL_TIMEOUT, Instant::now() + FLUSH_TIMEOUT)
}

/// Installs the logger of this process.
pub(super) fn install_logger(
    node: &mut r2r::Node,
    level: LevelFilter,
) -> Result<Rosout, RuntimeError> {
    // Up to Iron rcl publishes them: a second publisher would double every line.
    let publisher = if matches!(r2r::ROS_DISTRO, "humble" | "iron") {
        None
    } else {
        let qos = QosProfile::default().keep_last(1000).transient_local();
        let publisher = node
            .create_publisher("/rosout", qos)
            .map_err(RuntimeError::ros("publish /rosout"))?;
        Some(publisher)
    };
    let (sender, lines) = sync_channel(ROSOUT_QUEUE_LINES);
    let name = node.logger().to_owned();
    let writer_name = name.clone();
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || write_lines(&writer_name))
        .map_err(|source| RuntimeError::System {
            action: "start a thread",
            source,
        })?;
    let logger = RosLogger {
        name,
        rosout: sender,
        r2r: Mutex::new(RepeatThrottle::new(REPEAT_PERIOD)),
    };
    // Fails only if a logger is installed already, by an earlier node of this process.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
    if let Some(reason) = environment::missing_log_file_reason() {
        log::warn!("no log file, log lines go to the console and /rosout only: {reason}");
    }
    Ok(Rosout { lines, publisher })
}

/// Has rcl write line by line. A line may hang for ever.
fn write_lines(name: &str) {
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
    /// Publishes the lines that were logged since the previous call.
    pub(super) fn publish_waiting(&self) {
        for line in self.lines.try_iter() {
            if let Some(publisher) = &self.publisher {
                // Logging a failure here would cause more lines that fail.
                let _ = publisher.publish(&line);
            }
        }
    }
}

impl RosLogger {
    /// Returns the text to log. `None` if the throttle suppresses a repeated line.
    fn line_text(&self, record: &Record<'_>) -> Option<String> {
        let line = record.args().to_string();
        if !record.target().starts_with("r2r") {
            return Some(to_c_text(line));
        }
        let mut throttle = self.r2r.lock().unwrap_or_else(PoisonError::into_inner);
        let suppressed = throttle.try_acquire(&line, Instant::now())?;
        Some(to_c_text(format!("{line}{suppressed}")))
    }
}

impl log::Log for RosLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Warnings and errors of libraries, everything of this package.
        metadata.level() <= Level::Warn || metadata.target().starts_with("sensr_bridge")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let Some(text) = self.line_text(record) else {
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
            stamp: to_time(Stamp::now()),
            level,
            name: self.name.clone(),
            msg: text.clone(),
            file: file.clone(),
            function: String::new(),
            line,
        };
        // A line that finds no room is still on the console.
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

    /// Waits until rcl has written all lines, with a time limit.
    fn flush(&self) {
        flush();
    }
}
