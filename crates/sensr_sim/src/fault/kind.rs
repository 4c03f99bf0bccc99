//! Table of the fault kinds. Parser, help text, error messages, random faults and tests are all derived from it.

use std::fmt;

use serde::{Serialize, Serializer};

/// Properties of a fault kind.
struct Spec {
    /// Word of the grammar, of the events and of the report.
    name: &'static str,
    timing: Timing,
    support: Support,
    /// One line for the help text: a sentence without its period.
    description: &'static str,
}

/// Meaning of `for SECONDS`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Timing {
    /// Not allowed: the fault has no duration.
    Once,
    /// Duration, with its default in seconds.
    Lasts(f64),
    /// Size of a clock jump, with its default in seconds.
    Jumps(f64),
}

/// Streams and sources with which a kind is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Support {
    Everywhere,
    PointsOnly,
    /// Needs generated messages: the frames of a bag carry the time of the recording.
    NoBag,
}

macro_rules! fault_kinds {
    ($($kind:ident $name:literal $timing:expr, $support:ident, $description:literal;)*) => {
        /// Kind of a fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(usize)]
        pub enum FaultKind {
            $(#[doc = concat!($description, ".")] $kind,)*
        }

        impl FaultKind {
            /// Number of kinds.
            pub(super) const COUNT: usize = SPECS.len();

            /// All kinds, in the order of their declaration.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$kind),*];
        }

        static SPECS: [Spec; [$($name),*].len()] = [
            $(Spec {
                name: $name,
                timing: $timing,
                support: Support::$support,
                description: $description,
            },)*
        ];
    };
}

fault_kinds! {
    Refuse "refuse" Timing::Lasts(1.0), Everywhere,
        "Cuts the connections and closes the port for a while";
    Restart "restart" Timing::Lasts(1.0), Everywhere,
        "Closes the connections with close frame 1001 and closes the port for a while";
    Mute "mute" Timing::Lasts(1.0), Everywhere,
        "Cuts the connections; accepts new ones and answers nothing for a while";
    Reject "reject" Timing::Lasts(1.0), Everywhere,
        "Cuts the connections; answers new ones with HTTP 503 for a while";
    Cut "cut" Timing::Once, Everywhere,
        "Ends the connection in the middle of the next message";
    Stall "stall" Timing::Lasts(1.0), Everywhere,
        "Sends nothing, not even pongs, for a while";
    HalfOpen "halfopen" Timing::Lasts(120.0), Everywhere,
        "Sends nothing, not even pongs, until the client leaves or SECONDS pass; serves new clients";
    Silent "silent" Timing::Lasts(1.0), Everywhere,
        "Answers pings but sends no messages for a while, then all at once";
    Garbage "garbage" Timing::Once, Everywhere,
        "Adds a binary message of random bytes";
    Truncated "truncated" Timing::Once, Everywhere,
        "Adds a truncated copy of the next message, which does not decode";
    Text "text" Timing::Once, Everywhere,
        "Adds a text message";
    Nonsense "nonsense" Timing::Once, Everywhere,
        "Sends bytes that are no WebSocket frame and ends the connection";
    Oversized "oversized" Timing::Once, Everywhere,
        "Begins a message with a declared length of 1 GiB + 1 byte and ends the connection";
    Fragmented "fragmented" Timing::Lasts(1.0), Everywhere,
        "Sends messages in 2 to 7 fragments with pings between them for a while";
    Pings "pings" Timing::Once, Everywhere,
        "Sends 100 pings at once";
    Drip "drip" Timing::Lasts(1.0), Everywhere,
        "Sends the next message in small pieces over a while";
    Overflow "overflow" Timing::Once, Everywhere,
        "Closes the connection with 1011, as if the client were too slow";
    Clock "clock" Timing::Jumps(30.0), NoBag,
        "Moves the server's clock for good, forward or (SECONDS < 0) back; not for bags";
    Empty "empty" Timing::Once, Everywhere,
        "Empties the clouds of the next point message; adds an output message with only the time";
    Nan "nan" Timing::Once, PointsOnly,
        "Makes coordinates of the next point message NaN or infinite";
    Close "close" Timing::Once, Everywhere,
        "Closes the connection with 1000 after the queued messages";
}

impl FaultKind {
    fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// Returns the word of the grammar, of the events and of the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Returns a sentence without its period, in the third person.
    #[must_use]
    pub fn description(self) -> &'static str {
        self.spec().description
    }

    /// Returns the grammar of the kind, such as `stall [LINKS] [for SECONDS]`. LINKS is `points`,
    /// `output` or `both`.
    #[must_use]
    pub fn grammar(self) -> String {
        let links = if self.supports_output() {
            "[LINKS]"
        } else {
            "[points]"
        };
        let duration = match self.timing() {
            Timing::Once => "",
            Timing::Lasts(_) | Timing::Jumps(_) => " [for SECONDS]",
        };
        format!("{self} {links}{duration}")
    }

    pub(super) fn timing(self) -> Timing {
        self.spec().timing
    }

    /// Returns the default duration, or the default size of a clock jump, seconds; `None` if the kind has no duration.
    #[must_use]
    pub fn default_secs(self) -> Option<f64> {
        match self.timing() {
            Timing::Once => None,
            Timing::Lasts(secs) | Timing::Jumps(secs) => Some(secs),
        }
    }

    /// Returns whether the kind is possible on the output stream.
    #[must_use]
    pub fn supports_output(self) -> bool {
        self.spec().support != Support::PointsOnly
    }

    /// Returns whether the kind is possible while a bag is played, whose frames are sent as they were recorded.
    #[must_use]
    pub fn supports_bags(self) -> bool {
        self.spec().support != Support::NoBag
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Number of faults run, by kind. Serialized as a map from their names, without zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts([u64; FaultKind::COUNT]);

impl FaultCounts {
    pub(crate) fn add(&mut self, kind: FaultKind) {
        self.0[kind as usize] += 1;
    }

    /// Returns the number of faults of this kind.
    #[must_use]
    pub fn of(&self, kind: FaultKind) -> u64 {
        self.0[kind as usize]
    }

    /// Returns the number of all faults.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl Serialize for FaultCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kinds = FaultKind::ALL.into_iter();
        let counts = kinds.map(|kind| (kind.name(), self.of(kind)));
        serializer.collect_map(counts.filter(|(_, count)| *count > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_kind_is_listed_at_its_place_under_a_name_of_its_own() {
        for (index, kind) in FaultKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index, "{kind}");
        }
        let names: BTreeSet<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), FaultKind::COUNT);
    }

    #[test]
    fn grammar_shows_what_the_kind_supports() {
        let stall = FaultKind::Stall.grammar();
        assert_eq!(stall, "stall [LINKS] [for SECONDS]");
        assert_eq!(FaultKind::Cut.grammar(), "cut [LINKS]");
        assert_eq!(FaultKind::Nan.grammar(), "nan [points]");
    }

    #[test]
    fn zero_counts_are_not_serialized() {
        let mut counts = FaultCounts::default();
        counts.add(FaultKind::HalfOpen);
        counts.add(FaultKind::Cut);
        counts.add(FaultKind::Cut);
        let json = serde_json::to_string(&counts).expect("JSON");
        assert_eq!(json, r#"{"cut":2,"halfopen":1}"#);
        assert_eq!(counts.total(), 3);
    }
}
