//! Diagnostic of the log: warns if lines are lost.

use std::time::{Duration, Instant};

use super::format::format_duration;
use super::trends::History;
use super::{Level, Status};

/// Time for which lost lines are shown.
const WINDOW: Duration = Duration::from_secs(60);

/// Counters and state of the log since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFigures {
    /// Lines that the console or the disk did not accept.
    pub lost_lines: u64,
    /// Lines are being lost now.
    pub is_losing: bool,
    /// Reason why there is no log file although one is configured.
    pub no_file: Option<String>,
}

/// Watches the log.
#[derive(Debug)]
pub(super) struct LogDiagnostic {
    lost: History<u64>,
}

impl LogDiagnostic {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            lost: History::starting_with(WINDOW, start, 0),
        }
    }

    pub(super) fn assess_log(&mut self, now: Instant, log: &LogFigures) -> Status {
        let (_, before) = self.lost.record_sample(now, log.lost_lines);
        let lost = log.lost_lines.saturating_sub(before);
        let assessment = if log.is_losing {
            let message = "the console accepts no lines: resume the terminal with Ctrl-Q, or check the process that \
                           reads the output";
            (Level::Warn, message.to_owned())
        } else if lost > 0 {
            let window = format_duration(WINDOW);
            (
                Level::Warn,
                format!("{lost} lines lost in the last {window}: the console did not accept them"),
            )
        } else {
            (Level::Ok, "all lines written".to_owned())
        };
        let status = Status::new("log", assessment).with_value("lost lines", log.lost_lines);
        match &log.no_file {
            Some(reason) => status.with_value("no log file", reason),
            None => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_figures(lost_lines: u64, is_losing: bool) -> LogFigures {
        LogFigures {
            lost_lines,
            is_losing,
            no_file: None,
        }
    }

    #[test]
    fn lost_lines_are_a_warning_for_a_minute() {
        let start = Instant::now();
        let mut diagnostic = LogDiagnostic::new(start);
        let mut level = |second, figures| {
            diagnostic
                .assess_log(start + Duration::from_secs(second), &figures)
                .level
        };
        assert_eq!(level(0, log_figures(0, false)), Level::Ok);
        assert_eq!(level(1, log_figures(3, true)), Level::Warn);
        assert_eq!(level(2, log_figures(3, false)), Level::Warn);
        assert_eq!(level(50, log_figures(3, false)), Level::Warn);
        assert_eq!(level(70, log_figures(3, false)), Level::Ok);
        assert_eq!(level(71, log_figures(4, false)), Level::Warn);
    }

    #[test]
    fn a_missing_log_file_is_shown() {
        let start = Instant::now();
        let log = LogFigures {
            no_file: Some("no room".to_owned()),
            ..LogFigures::default()
        };
        let status = LogDiagnostic::new(start).assess_log(start, &log);
        assert_eq!(status.level, Level::Ok);
        assert!(
            status
                .values
                .contains(&("no log file".into(), "no room".to_owned()))
        );
    }
}
