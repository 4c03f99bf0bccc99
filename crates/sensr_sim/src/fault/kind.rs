//! The kinds of faults.

use std::fmt;

use serde::{Serialize, Serializer};

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(usize)]
pub enum FaultKind {
    /// Connections are cut and the port is closed for a while.
    Refuse,
    /// The same, announced with close frame 1001.
    Restart,
    /// Connections are cut; new ones are accepted and never answered for a while.
    Mute,
    /// Connections are cut; new ones are answered with HTTP 503 for a while.
    Reject,
    /// The connection ends in the middle of the next message.
    Cut,
    /// Nothing is written and nothing is answered for a while.
    Stall,
    /// Nothing is written and nothing is answered until the client leaves.
    HalfOpen,
    /// Pings are answered, but no message is sent for a while.
    Silent,
    /// A message of random bytes comes between.
    Garbage,
    /// A copy of the next message, cut short, comes before it.
    Truncated,
    /// A text message comes between.
    Text,
    /// Bytes that are no WebSocket frame end the connection.
    Nonsense,
    /// A message that announces 1 GiB + 1 byte is begun, and ends the connection.
    Oversized,
    /// Messages come in several frames with pings between them for a while.
    Fragmented,
    /// A hundred pings come at once.
    Pings,
    /// The next message comes in small pieces.
    Drip,
    /// The client is closed as if it read too slowly.
    Overflow,
    /// The server's clock jumps.
    Clock,
    /// The next point message has empty clouds, or an output message with nothing but the time comes between.
    Empty,
    /// The next point message has coordinates that are no number or infinite.
    Nan,
    /// The client is closed with 1000.
    Close,
}

impl FaultKind {
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 21] = [
        Self::Refuse,
        Self::Restart,
        Self::Mute,
        Self::Reject,
        Self::Cut,
        Self::Stall,
        Self::HalfOpen,
        Self::Silent,
        Self::Garbage,
        Self::Truncated,
        Self::Text,
        Self::Nonsense,
        Self::Oversized,
        Self::Fragmented,
        Self::Pings,
        Self::Drip,
        Self::Overflow,
        Self::Clock,
        Self::Empty,
        Self::Nan,
        Self::Close,
    ];

    /// As the grammar and the report have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Restart => "restart",
            Self::Mute => "mute",
            Self::Reject => "reject",
            Self::Cut => "cut",
            Self::Stall => "stall",
            Self::HalfOpen => "halfopen",
            Self::Silent => "silent",
            Self::Garbage => "garbage",
            Self::Truncated => "truncated",
            Self::Text => "text",
            Self::Nonsense => "nonsense",
            Self::Oversized => "oversized",
            Self::Fragmented => "fragmented",
            Self::Pings => "pings",
            Self::Drip => "drip",
            Self::Overflow => "overflow",
            Self::Clock => "clock",
            Self::Empty => "empty",
            Self::Nan => "nan",
            Self::Close => "close",
        }
    }

    /// How long it lasts unless told otherwise, seconds, of a clock how far it jumps; `None`: it has no
    /// duration.
    #[must_use]
    pub fn usual_secs(self) -> Option<f64> {
        match self {
            Self::Refuse
            | Self::Restart
            | Self::Mute
            | Self::Reject
            | Self::Stall
            | Self::Silent
            | Self::Fragmented
            | Self::Drip => Some(1.0),
            Self::HalfOpen => Some(120.0),
            Self::Clock => Some(30.0),
            Self::Cut
            | Self::Garbage
            | Self::Truncated
            | Self::Text
            | Self::Nonsense
            | Self::Oversized
            | Self::Pings
            | Self::Overflow
            | Self::Empty
            | Self::Nan
            | Self::Close => None,
        }
    }

    /// Can it happen to the output stream?
    #[must_use]
    pub fn fits_output(self) -> bool {
        self != Self::Nan
    }

    /// Can it happen while a bag is played, whose frames go out as they were recorded?
    #[must_use]
    pub fn fits_bag(self) -> bool {
        self != Self::Clock
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for FaultKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
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
}
