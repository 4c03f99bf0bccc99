//! `log` records on the ROS console and on `/rosout`.
//!
//! rcl writes the console. It would write `/rosout` too if the client library registered the node there;
//! from Jazzy on r2r does not, so the records are published from here, by the thread that spins the node.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use log::{Level, LevelFilter, Metadata, Record};
use r2r::rcl_interfaces::msg::Log;
use r2r::{LogSeverity, Publisher, QosProfile};

use super::Error;
use super::convert::{text, time};
use crate::stamp::Stamp;

/// Lines that may wait for `/rosout`. More than that between two spins are on the console only.
const WAITING_LINES: usize = 256;

/// The `/rosout` end. To be [flushed](Self::flush) by the thread that spins the node.
pub(super) struct Rosout {
    lines: Receiver<Log>,
    publisher: Option<Publisher<Log>>,
}

struct RosLogger {
    name: String,
    rosout: SyncSender<Log>,
}

/// Makes the ROS console and `/rosout` the destination of all `log` records of this process.
pub(super) fn install(node: &mut r2r::Node, level: LevelFilter) -> Result<Rosout, Error> {
    // Up to Iron rcl does it: a second publisher would double every line.
    let publisher = if matches!(r2r::ROS_DISTRO, "humble" | "iron") {
        None
    } else {
        let qos = QosProfile::default().keep_last(1000).transient_local();
        let publisher = node
            .create_publisher("/rosout", qos)
            .map_err(Error::ros("publish /rosout"))?;
        Some(publisher)
    };
    let (sender, lines) = sync_channel(WAITING_LINES);
    let logger = RosLogger {
        name: node.logger().to_owned(),
        rosout: sender,
    };
    // Fails only if a logger is set already, which then is ours: a process has one node.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(level);
    }
    Ok(Rosout { lines, publisher })
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

impl log::Log for RosLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Libraries only when something is wrong.
        metadata.level() <= Level::Warn || metadata.target().starts_with("sensr_bridge")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = text(record.args().to_string());
        let file = record.file().unwrap_or_default();
        let line = record.line().unwrap_or_default();
        let (severity, level) = match record.level() {
            Level::Error => (LogSeverity::Error, Log::ERROR as u8),
            Level::Warn => (LogSeverity::Warn, Log::WARN as u8),
            Level::Info => (LogSeverity::Info, Log::INFO as u8),
            Level::Debug | Level::Trace => (LogSeverity::Debug, Log::DEBUG as u8),
        };
        r2r::log(&text, &self.name, file, line, severity);
        let stamp = Stamp::now();
        let message = Log {
            stamp: time(stamp),
            level,
            name: self.name.clone(),
            msg: text,
            file: file.to_owned(),
            function: String::new(),
            line,
        };
        // Full or gone: the line is on the console.
        let _ = self.rosout.try_send(message);
    }

    fn flush(&self) {}
}
