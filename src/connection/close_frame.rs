//! Close frames of the server, described for the log.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Reason that SENSR gives when its send buffer for a client is full. Everything in that buffer is lost.
const OVERFLOW_REASON: &str = "Writing buffer is full";

/// Reason for which the server closed a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// Code, its name, and the server's reason.
    pub description: String,
    /// True if the server lost data that it had for this client.
    pub is_loss: bool,
}

impl CloseReason {
    /// Describes a close frame. `None` for one without a body.
    #[must_use]
    pub fn from_frame(frame: Option<&CloseFrame>) -> Self {
        let Some(frame) = frame else {
            return Self {
                description: "no reason given".to_owned(),
                is_loss: false,
            };
        };
        let is_loss = frame.code == CloseCode::Error && frame.reason.contains(OVERFLOW_REASON);
        let mut description = format!("code {}", u16::from(frame.code));
        if let Some(name) = code_name(frame.code).filter(|_| !is_loss) {
            description.push_str(", ");
            description.push_str(name);
        }
        if !frame.reason.is_empty() {
            description.push_str(", ");
            // A line feed in the server's text must not make two lines of the log.
            description.extend(frame.reason.chars().map(replace_control));
        }
        if is_loss {
            description
                .push_str(": the server dropped data, the network or this machine was too slow");
        }
        Self {
            description,
            is_loss,
        }
    }
}

fn replace_control(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// Name of a close code: RFC 6455, section 7.4.1, and the IANA WebSocket Close Code Number Registry.
fn code_name(code: CloseCode) -> Option<&'static str> {
    Some(match code {
        CloseCode::Normal => "normal closure",
        CloseCode::Away => "going away",
        CloseCode::Protocol => "protocol error",
        CloseCode::Unsupported => "unsupported data",
        CloseCode::Invalid => "invalid frame payload data",
        CloseCode::Policy => "policy violation",
        CloseCode::Size => "message too big",
        CloseCode::Extension => "mandatory extension",
        CloseCode::Error => "internal error",
        CloseCode::Restart => "service restart",
        CloseCode::Again => "try again later",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(code: u16, reason: &str) -> CloseReason {
        CloseReason::from_frame(Some(&CloseFrame {
            code: code.into(),
            reason: reason.into(),
        }))
    }

    #[test]
    fn codes_are_named_and_followed_by_the_servers_reason() {
        let description = |code, text| reason(code, text).description;
        assert_eq!(description(1001, ""), "code 1001, going away");
        assert_eq!(
            description(1000, "Finished"),
            "code 1000, normal closure, Finished"
        );
        assert_eq!(description(1012, ""), "code 1012, service restart");
        assert_eq!(description(4321, "who knows"), "code 4321, who knows");
        assert_eq!(description(4321, "a\nb"), "code 4321, a b");
        assert_eq!(CloseReason::from_frame(None).description, "no reason given");
    }

    #[test]
    fn full_send_buffer_is_a_loss_of_data() {
        let overflow = reason(1011, "Writing buffer is full");
        assert!(overflow.is_loss);
        for word in ["1011", "Writing buffer is full", "dropped data"] {
            assert!(
                overflow.description.contains(word),
                "{}",
                overflow.description
            );
        }
        assert!(!reason(1011, "Ping timeout").is_loss);
        assert!(!reason(1000, "Writing buffer is full").is_loss);
    }
}
