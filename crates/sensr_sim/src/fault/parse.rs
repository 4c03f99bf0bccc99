//! Parser of faults and fault scripts: `[at SECONDS] FAULT [points|output|both] [for SECONDS]`.

use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use super::kind::{FaultKind, Timing};
use super::{Fault, Links, TimedFault};

/// Longest duration and latest start, seconds: ten days.
const MAX_SECS: f64 = 864_000.0;

/// Error of parsing a fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The text is empty.
    #[error("a fault is [at SECONDS] FAULT [points|output|both] [for SECONDS]")]
    Empty,
    /// The name is no fault kind.
    #[error("{0}: unknown fault; known faults are {faults}", faults = kind_names())]
    UnknownKind(String),
    /// `at` is only allowed in scripts and `--fault`.
    #[error("`at` is only for faults of a script: this one begins at once")]
    TimeNotAllowed,
    /// The value after `at` or `for` is out of range.
    #[error("{word} {given}: seconds must be {allowed}")]
    Seconds {
        /// `at` or `for`.
        word: &'static str,
        /// Value that was given.
        given: String,
        /// Allowed range.
        allowed: &'static str,
    },
    /// The fault kind has no duration.
    #[error("{0} cannot have a duration")]
    NoDuration(FaultKind),
    /// The fault kind does not exist on the output stream.
    #[error("{0} is only possible on points")]
    PointsOnly(FaultKind),
    /// A word is left over.
    #[error(
        "{0}: unexpected word; points, output or both and then `for SECONDS` may follow the fault, in this order"
    )]
    UnexpectedWord(String),
}

/// Error of a line of a fault script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {source}")]
pub struct ScriptError {
    /// Line number, from 1.
    pub line: usize,
    /// Parse error of the line.
    pub source: FaultError,
}

/// Parses one fault per line, in any order; `#` begins a comment.
pub fn parse_script(text: &str) -> Result<Vec<TimedFault>, ScriptError> {
    let lines = text.lines().zip(1..);
    let without_comments =
        lines.map(|(text, line)| (text.split('#').next().unwrap_or("").trim(), line));
    let faults = without_comments.filter(|(text, _)| !text.is_empty());
    faults
        .map(|(text, line)| {
            let parsed = text.parse();
            parsed.map_err(|source| ScriptError { line, source })
        })
        .collect()
}

fn kind_names() -> String {
    FaultKind::ALL.map(FaultKind::name).join(", ")
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let named = Self::ALL.into_iter().find(|kind| kind.name() == text);
        named.ok_or_else(|| FaultError::UnknownKind(text.to_owned()))
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        match WordReader::new(text) {
            WordReader {
                next: Some("at"), ..
            } => Err(FaultError::TimeNotAllowed),
            words => words.parse_fault(),
        }
    }
}

impl FromStr for TimedFault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut words = WordReader::new(text);
        let at_secs = if words.take_if("at") {
            words.parse_seconds("at", "0 to 864000", |secs| secs >= 0.0)?
        } else {
            0.0
        };
        Ok(Self {
            at: Duration::try_from_secs_f64(at_secs).unwrap_or_default(),
            fault: words.parse_fault()?,
        })
    }
}

/// Reader of the words of a fault.
struct WordReader<'a> {
    next: Option<&'a str>,
    rest: SplitWhitespace<'a>,
}

impl<'a> WordReader<'a> {
    fn new(text: &'a str) -> Self {
        let mut rest = text.split_whitespace();
        Self {
            next: rest.next(),
            rest,
        }
    }

    fn take_word(&mut self) -> Option<&'a str> {
        std::mem::replace(&mut self.next, self.rest.next())
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.next == Some(word);
        if is_next {
            self.take_word();
        }
        is_next
    }

    fn parse_fault(mut self) -> Result<Fault, FaultError> {
        let kind: FaultKind = self.take_word().ok_or(FaultError::Empty)?.parse()?;
        let links = self.parse_links(kind)?;
        let secs = if self.take_if("for") {
            Some(self.parse_duration(kind)?)
        } else {
            None
        };
        match self.take_word() {
            Some(word) => Err(FaultError::UnexpectedWord(word.to_owned())),
            None => Ok(Fault { kind, links, secs }),
        }
    }

    fn parse_links(&mut self, kind: FaultKind) -> Result<Links, FaultError> {
        let all = [Links::Points, Links::Output, Links::Both];
        let named = all.into_iter().find(|links| self.take_if(links.name()));
        match named {
            Some(Links::Output | Links::Both) if !kind.supports_output() => {
                Err(FaultError::PointsOnly(kind))
            }
            None if !kind.supports_output() => Ok(Links::Points),
            _ => Ok(named.unwrap_or(Links::Both)),
        }
    }

    fn parse_duration(&mut self, kind: FaultKind) -> Result<f64, FaultError> {
        match kind.timing() {
            Timing::Once => Err(FaultError::NoDuration(kind)),
            Timing::Lasts(_) => {
                self.parse_seconds("for", "more than 0 and at most 864000", |secs| secs > 0.0)
            }
            Timing::Jumps(_) => self.parse_seconds("for", "-864000 to 864000", |_| true),
        }
    }

    fn parse_seconds(
        &mut self,
        word: &'static str,
        allowed: &'static str,
        is_allowed: impl Fn(f64) -> bool,
    ) -> Result<f64, FaultError> {
        let given = self.take_word().unwrap_or("");
        let secs = given.parse::<f64>().ok();
        let good = secs.filter(|&secs| secs.abs() <= MAX_SECS && is_allowed(secs));
        good.ok_or_else(|| FaultError::Seconds {
            word,
            given: given.to_owned(),
            allowed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn link_duration_and_start_have_defaults() {
        let fault = |kind, links, secs| Ok(Fault { kind, links, secs });
        for (text, expected) in [
            ("cut", fault(FaultKind::Cut, Links::Both, None)),
            (
                "  stall\toutput ",
                fault(FaultKind::Stall, Links::Output, None),
            ),
            (
                "refuse for 2.5",
                fault(FaultKind::Refuse, Links::Both, Some(2.5)),
            ),
            (
                "halfopen points for 3",
                fault(FaultKind::HalfOpen, Links::Points, Some(3.0)),
            ),
            (
                "clock for -30",
                fault(FaultKind::Clock, Links::Both, Some(-30.0)),
            ),
            ("nan", fault(FaultKind::Nan, Links::Points, None)),
        ] {
            assert_eq!(text.parse::<Fault>(), expected, "{text}");
            let timed = format!("at 1.5 {text}").parse::<TimedFault>();
            let expected = expected.map(|fault| TimedFault {
                at: Duration::from_millis(1500),
                fault,
            });
            assert_eq!(timed, expected, "{text}");
        }
        let soon = "cut points".parse::<TimedFault>().expect("allowed");
        assert_eq!(soon.at, Duration::ZERO);
    }

    #[test]
    fn errors_name_what_is_allowed() {
        for (text, word) in [
            ("", "[at SECONDS] FAULT"),
            ("at 2", "[at SECONDS] FAULT"),
            ("explode", "refuse, restart, mute"),
            ("at", "0 to 864000"),
            ("at -1 cut", "0 to 864000"),
            ("at NaN cut", "0 to 864000"),
            ("stall for", "more than 0"),
            ("stall for 0", "more than 0"),
            ("stall for inf", "more than 0"),
            ("clock for 1e9", "-864000 to 864000"),
            ("cut for 3", "cut cannot have a duration"),
            ("nan output", "nan is only possible on points"),
            ("nan both", "nan is only possible on points"),
            ("cut lines", "points, output or both"),
            ("stall for 2 points", "in this order"),
        ] {
            let error = text.parse::<TimedFault>().expect_err(text).to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
        let error = "at 1 cut".parse::<Fault>().expect_err("not a script");
        assert_eq!(error, FaultError::TimeNotAllowed);
    }

    #[test]
    fn comments_and_empty_lines_are_ignored() {
        let script = "# a bad day\n\nat 2 cut points # in the middle\n   \nstall\n";
        let faults = parse_script(script).expect("allowed");
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["at 2 cut points", "at 0 stall both"]);
    }

    #[test]
    fn error_names_its_line() {
        let error = parse_script("cut\n# cut\nat x cut\n").expect_err("x is no number");
        assert!(error.to_string().starts_with("line 3: at x"), "{error}");
    }

    proptest! {
        #[test]
        fn display_of_a_fault_parses_to_the_same_fault(
            kind in proptest::sample::select(FaultKind::ALL.to_vec()),
            links in proptest::sample::select(vec![Links::Points, Links::Output, Links::Both]),
            secs in proptest::option::of(0.001..1000.0),
            at_ms in 0u64..100_000,
        ) {
            let fault = Fault {
                kind,
                links: if kind.supports_output() { links } else { Links::Points },
                secs: secs.filter(|_| kind.default_secs().is_some()),
            };
            let timed = TimedFault { at: Duration::from_millis(at_ms), fault };
            prop_assert_eq!(fault.to_string().parse::<Fault>(), Ok(fault));
            prop_assert_eq!(timed.to_string().parse::<TimedFault>(), Ok(timed));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = text.parse::<TimedFault>();
        }
    }
}
