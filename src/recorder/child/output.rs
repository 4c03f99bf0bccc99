//! Output of the stock recorder: into the log, and searched for what matters.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use log::Level;

use crate::time::log_throttle::RepeatThrottle;

/// Longest line. The rest of a longer one counts as the next line.
const MAX_LINE_BYTES: u64 = 4096;
/// Longest error that is kept, to be part of a reason.
const MAX_ERROR_CHARS: usize = 200;
/// Time in which the same line is logged once.
const REPEAT_PERIOD: Duration = Duration::from_secs(60);
/// Text before the number of lost messages, as rosbag2's cache prints it: a sum since its start.
const TOTAL_LOST: &str = "Total lost: ";

/// Findings in the output so far.
#[derive(Debug, Clone, Default)]
pub(super) struct OutputFindings {
    /// Messages that the stock recorder reported as lost.
    pub(super) lost: u64,
    /// Last line that looks like an error.
    pub(super) last_error: Option<String>,
}

/// Findings in the output so far, shared with the threads that read it.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedFindings(Arc<Mutex<OutputFindings>>);

impl SharedFindings {
    /// Locks the figures, which are consistent after every statement.
    pub(super) fn lock(&self) -> MutexGuard<'_, OutputFindings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the output to its end, line by line.
pub(super) fn pass_on(output: impl Read, default_level: Level, told: &SharedFindings) {
    let mut output = BufReader::new(output);
    let mut throttle = RepeatThrottle::new(REPEAT_PERIOD);
    let mut level = default_level;
    while let Ok(Some(line)) = read_line(&mut output) {
        let line = without_escapes(&line);
        let (own_level, text) = parse(&line);
        // Further lines of a message have no level of their own.
        level = own_level.unwrap_or(level);
        if text.is_empty() {
            continue;
        }
        let is_error = level == Level::Error || is_error(text);
        note(is_error, text, told);
        if let Some(suppressed) = throttle.try_acquire(text, Instant::now()) {
            let level = if is_error { Level::Error } else { level };
            log::log!(level, "recorder: {text}{suppressed}");
        }
    }
}

fn note(is_error: bool, text: &str, told: &SharedFindings) {
    let lost = text.split_once(TOTAL_LOST).and_then(|(_, rest)| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<u64>().ok()
    });
    let mut told = told.lock();
    if let Some(lost) = lost {
        told.lost = told.lost.max(lost);
    } else if is_error {
        told.last_error = Some(text.chars().take(MAX_ERROR_CHARS).collect());
    }
}

/// Recognizes the last line of a traceback, argparse's complaint, and the last words of C and C++.
fn is_error(text: &str) -> bool {
    if text.contains("what():") || text.contains(": Assertion ") {
        return true;
    }
    let heads = text.matches(": ").count();
    text.split(": ").take(heads).any(|head| {
        let word = head.rsplit(' ').next().unwrap_or(head);
        word.ends_with("Error") || word.ends_with("Exception") || word == "error"
    })
}

/// Reads a line without its end. `None` at the end of the output.
fn read_line(output: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = output
        .by_ref()
        .take(MAX_LINE_BYTES)
        .read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&bytes).trim_end().to_owned()))
}

/// Removes the escape sequences that color a line.
fn without_escapes(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        text.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    text
}

/// Splits a line of the ROS console, `[LEVEL] [time] [node]: text`, into level and text.
fn parse(line: &str) -> (Option<Level>, &str) {
    let levels = [
        ("[DEBUG]", Level::Debug),
        ("[INFO]", Level::Info),
        ("[WARN]", Level::Warn),
        ("[ERROR]", Level::Error),
        ("[FATAL]", Level::Error),
    ];
    for (prefix, level) in levels {
        let Some(rest) = line.strip_prefix(prefix) else {
            continue;
        };
        let text = rest.split_once("]: ").map_or(rest, |(_, text)| text);
        return (Some(level), text.trim());
    }
    (None, line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_by(output: &[u8]) -> OutputFindings {
        let told = SharedFindings::default();
        pass_on(output, Level::Info, &told);
        told.lock().clone()
    }

    #[test]
    fn level_and_text_are_found_in_lines_of_the_ros_console() {
        let line = "[WARN] [1700000000.123456789] [a_rosbag2_recorder]: Cache [0]: full";
        assert_eq!(parse(line), (Some(Level::Warn), "Cache [0]: full"));
        assert_eq!(parse("[FATAL] text"), (Some(Level::Error), "text"));
        assert_eq!(parse("\t/points: 3"), (None, "\t/points: 3"));
        assert_eq!(parse("[x] y"), (None, "[x] y"));
        assert_eq!(without_escapes("\u{1b}[33m[WARN] a\u{1b}[0m"), "[WARN] a");
        assert_eq!(without_escapes("open \u{1b}[3"), "open ");
    }

    #[test]
    fn lost_messages_are_a_sum_that_never_decreases() {
        let output = b"[WARN] [1.0] [ROSBAG2_CPP]: Cache buffers lost messages per topic: \n\t/a: 7\n\
            \t/b: 5\nTotal lost: 12\n[INFO] [2.0] [r]: x\nTotal lost: 30\x1b[0m\nTotal lost: 30\nTotal lost: x\n";
        assert_eq!(told_by(output).lost, 30);
        assert_eq!(told_by(b"nothing").lost, 0);
    }

    #[test]
    fn last_error_is_kept() {
        let told = told_by(
            b"[ERROR] [1.0] [r]: first\n[INFO] [1.0] [r]: fine\n\
              Traceback (most recent call last):\n  File \"x\"\nRuntimeError: no plugin\n",
        );
        assert_eq!(told.last_error.as_deref(), Some("RuntimeError: no plugin"));
        let usage = told_by(b"usage: ros2\nros2 bag record: error: unrecognized arguments: -x\n");
        let expected = "ros2 bag record: error: unrecognized arguments: -x";
        assert_eq!(usage.last_error.as_deref(), Some(expected));
        let aborted =
            told_by(b"[INFO] [1.0] [r]: x\npython3: w.inl:60: Assertion `n == size' failed.\n");
        assert!(aborted.last_error.is_some());
        assert!(told_by(b"  what():  disk\n").last_error.is_some());
        assert_eq!(told_by(b"all is well: yes\n").last_error, None);
    }

    #[test]
    fn endless_and_broken_lines_are_bounded() {
        let mut output = vec![b'a'; 3 * 4096];
        output.extend(b"\xff\xfe\n\nError: end");
        let mut reader = BufReader::new(&output[..]);
        let mut lines = Vec::new();
        while let Some(line) = read_line(&mut reader).unwrap() {
            assert!(line.len() <= 4096);
            lines.push(line);
        }
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[3], "\u{fffd}\u{fffd}");
        assert_eq!(lines[5], "Error: end");
    }
}
