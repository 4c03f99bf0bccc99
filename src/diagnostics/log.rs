//! The log: are its lines written?

use std::time::{Duration, Instant};

use super::monitor::History;
use super::{Level, Status, format};

/// A loss is shown for so long.
const WINDOW: Duration = Duration::from_secs(60);

/// Figures of the log since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFigures {
    /// Lines that console or disk did not take.
    pub lost_lines: u64,
    /// Lines are being lost at this moment.
    pub is_losing: bool,
    /// The reason why there is no log file though there should be one.
    pub no_file: Option<String>,
}

/// Watches the log.
#[derive(Debug)]
pub(super) struct LogWatch {
    lost: History<u64>,
}

impl LogWatch {
    pub(super) fn new(start: Instant) -> Self {
        Self {
            lost: History::starting_with(WINDOW, start, 0),
        }
    }

    pub(super) fn examine(&mut self, now: Instant, log: &LogFigures) -> Status {
        let (_, before) = self.lost.note(now, log.lost_lines);
        let lost = log.lost_lines.saturating_sub(before);
        let judgement = if log.is_losing {
            let message = "the console takes no lines: is the terminal stopped (Ctrl-Q goes on), or does its reader \
                           hang?";
            (Level::Warn, message.to_owned())
        } else if lost > 0 {
            let window = format::span(WINDOW);
            (
                Level::Warn,
                format!("{lost} lines lost within {window}: the console did not take them"),
            )
        } else {
            (Level::Ok, "all lines are written".to_owned())
        };
        let status = Status::new("log", judgement).with("lost lines", log.lost_lines);
        match &log.no_file {
            Some(reason) => status.with("no log file", reason),
            None => status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(lost_lines: u64, is_losing: bool) -> LogFigures {
        LogFigures {
            lost_lines,
            is_losing,
            no_file: None,
        }
    }

    #[test]
    fn lost_lines_are_a_warning_for_a_while() {
        let start = Instant::now();
        let mut watch = LogWatch::new(start);
        let mut level = |second, figures| {
            watch
                .examine(start + Duration::from_secs(second), &figures)
                .level
        };
        assert_eq!(level(0, figures(0, false)), Level::Ok);
        assert_eq!(level(1, figures(3, true)), Level::Warn);
        assert_eq!(level(2, figures(3, false)), Level::Warn);
        assert_eq!(level(50, figures(3, false)), Level::Warn);
        assert_eq!(level(70, figures(3, false)), Level::Ok);
        assert_eq!(level(71, figures(4, false)), Level::Warn);
    }

    #[test]
    fn a_missing_file_is_shown() {
        let start = Instant::now();
        let log = LogFigures {
            no_file: Some("no room".to_owned()),
            ..LogFigures::default()
        };
        let status = LogWatch::new(start).examine(start, &log);
        assert_eq!(status.level, Level::Ok);
        assert!(
            status
                .values
                .contains(&("no log file".into(), "no room".to_owned()))
        );
    }
}
