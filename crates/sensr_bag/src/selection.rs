//! Choice of topics and times.

use std::str::FromStr;

use jiff::Timestamp;

const NS_PER_S: f64 = 1e9;

/// Point in time, as given on the command line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// Seconds from the first message of the recording.
    Offset(f64),
    /// Nanoseconds since 1970.
    Absolute(i128),
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.parse::<f64>() {
            return if seconds.is_finite() && seconds >= 0.0 {
                Ok(Self::Offset(seconds))
            } else {
                Err("seconds from the beginning must not be negative".to_owned())
            };
        }
        let time: Result<Timestamp, _> = text.parse();
        time.map(|time| Self::Absolute(time.as_nanosecond()))
            .map_err(|_| {
                "neither seconds from the beginning, such as 12.5, nor a time with its zone, such as \
                 2026-05-01T12:00:00Z or 2026-05-01T21:00:00+09:00"
                    .to_owned()
            })
    }
}

impl Moment {
    /// Returns nanoseconds since 1970.
    pub(crate) fn resolve(self, start_ns: u64) -> i128 {
        match self {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "saturates, far beyond any recording"
            )]
            Self::Offset(seconds) => i128::from(start_ns) + (seconds * NS_PER_S).round() as i128,
            Self::Absolute(ns) => ns,
        }
    }
}

/// Half-open range of recorded times, nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeRange {
    pub from_ns: i128,
    pub to_ns: i128,
}

impl TimeRange {
    pub(crate) const ALL: Self = Self {
        from_ns: i128::MIN,
        to_ns: i128::MAX,
    };

    pub(crate) fn contains(&self, time_ns: u64) -> bool {
        (self.from_ns..self.to_ns).contains(&time_ns.into())
    }
}

/// Returns whether a topic is meant by a name, which may lack the namespace or the leading slash.
pub(crate) fn is_meant(topic: &str, name: &str) -> bool {
    let name = name.trim_start_matches('/');
    let topic = topic.trim_start_matches('/');
    topic
        .strip_suffix(name)
        .is_some_and(|namespace| namespace.is_empty() || namespace.ends_with('/'))
}

/// Returns a time as text: RFC 3339 in UTC with all nanoseconds.
pub(crate) fn format_time(time_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(time_ns.into());
    time.map_or_else(|_| time_ns.to_string(), |time| format!("{time:.9}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_or_times_with_a_zone() {
        assert_eq!("12.5".parse(), Ok(Moment::Offset(12.5)));
        assert_eq!(Moment::Offset(12.5).resolve(100), 12_500_000_100);
        let noon = "2026-05-01T12:00:00Z".parse::<Moment>().expect("a time");
        assert_eq!("2026-05-01T21:00:00+09:00".parse(), Ok(noon));
        assert_eq!(noon.resolve(5), 1_777_636_800_000_000_000);
        for text in ["-1", "NaN", "inf", "2026-05-01", "2026-05-01T12:00:00", "x"] {
            let error = text.parse::<Moment>().expect_err(text);
            assert!(error.contains("from the beginning"), "{error}");
        }
    }

    #[test]
    fn names_may_lack_the_namespace() {
        for name in [
            "points/raw",
            "/points/raw",
            "a/points/raw",
            "/site/a/points/raw",
            "raw",
        ] {
            assert!(is_meant("/site/a/points/raw", name), "{name}");
        }
        for name in ["points", "oints/raw", "/b/points/raw", "points/raw/"] {
            assert!(!is_meant("/site/a/points/raw", name), "{name}");
        }
    }

    #[test]
    fn ranges_do_not_contain_their_end() {
        let range = TimeRange {
            from_ns: 5,
            to_ns: 7,
        };
        let contained: Vec<u64> = (0..10).filter(|time| range.contains(*time)).collect();
        assert_eq!(contained, [5, 6]);
        assert!(TimeRange::ALL.contains(0) && TimeRange::ALL.contains(u64::MAX));
    }

    #[test]
    fn times_have_all_digits() {
        assert_eq!(
            format_time(1_777_636_800_000_000_005),
            "2026-05-01T12:00:00.000000005Z"
        );
        assert_eq!(format_time(0), "1970-01-01T00:00:00.000000000Z");
    }
}
