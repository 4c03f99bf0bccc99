//! Logger of the monitor: warnings and errors to standard error. It publishes no `/rosout`.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use log::{Level, LevelFilter, Metadata, Record};

use super::NODE_NAME;
use crate::time::log_throttle::RepeatThrottle;

/// Time in which the same line is logged once.
const REPEAT_PERIOD: Duration = Duration::from_secs(60);

struct StderrLogger {
    throttle: Mutex<RepeatThrottle>,
}

/// Installs the logger of this process.
pub(super) fn install() {
    let logger = StderrLogger {
        throttle: Mutex::new(RepeatThrottle::new(REPEAT_PERIOD)),
    };
    // Fails only if a logger is installed already.
    if log::set_boxed_logger(Box::new(logger)).is_ok() {
        log::set_max_level(LevelFilter::Warn);
    }
}

impl log::Log for StderrLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let line = record.args().to_string();
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(suppressed) = throttle.try_acquire(&line, Instant::now()) {
            print_problem(&format!("{line}{suppressed}"));
        }
    }

    fn flush(&self) {}
}

/// Writes a line to standard error.
pub(super) fn print_problem(message: &str) {
    // There is no other place for it, if that is closed.
    let _ = writeln!(io::stderr(), "{NODE_NAME}: {message}");
}
