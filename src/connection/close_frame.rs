//! Close frames: what the server's mean, in words.

use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The reason SENSR gives when its buffer for a client is full. Everything in that buffer is lost.
const OVERFLOW: &str = "Writing buffer is full";

/// What the server's last words mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// Code, meaning and reason.
    pub words: String,
    /// Data that the server had for us are lost.
    pub is_loss: bool,
}

impl CloseReason {
    /// Reads a close frame. None: it had no body.
    #[must_use]
    pub fn of(frame: Option<&CloseFrame>) -> Self {
        let Some(frame) = frame else {
            return Self {
                words: "no reason given".to_owned(),
                is_loss: false,
            };
        };
        let is_loss = frame.code == CloseCode::Error && frame.reason.contains(OVERFLOW);
        let mut words = format!("code {}", u16::from(frame.code));
        if let Some(meaning) = meaning(frame.code).filter(|_| !is_loss) {
            words.push_str(", ");
            words.push_str(meaning);
        }
        if !frame.reason.is_empty() {
            words.push_str(", ");
            // What the server writes is no reason for a line of our log to become two.
            words.extend(frame.reason.chars().map(visible));
        }
        if is_loss {
            words.push_str(
                ": data are lost, the network or this machine was too slow for them for a while",
            );
        }
        Self { words, is_loss }
    }
}

fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// RFC 6455, section 7.4.1, and the IANA registry.
fn meaning(code: CloseCode) -> Option<&'static str> {
    Some(match code {
        CloseCode::Normal => "it is done",
        CloseCode::Away => "it is going away",
        CloseCode::Protocol => "it says that we broke the protocol",
        CloseCode::Unsupported | CloseCode::Invalid => "it cannot take what it got",
        CloseCode::Policy => "its policy does not allow the link",
        CloseCode::Size => "it says that we sent too much",
        CloseCode::Extension => "it expected an extension",
        CloseCode::Error => "something went wrong in it",
        CloseCode::Restart => "it restarts",
        CloseCode::Again => "it is overloaded",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn farewell(code: u16, reason: &str) -> CloseReason {
        CloseReason::of(Some(&CloseFrame {
            code: code.into(),
            reason: reason.into(),
        }))
    }

    #[test]
    fn codes_are_said_in_words_with_the_servers_reason() {
        let words = |code, reason| farewell(code, reason).words;
        assert_eq!(words(1001, ""), "code 1001, it is going away");
        assert_eq!(words(1000, "Finished"), "code 1000, it is done, Finished");
        assert_eq!(words(1012, ""), "code 1012, it restarts");
        assert_eq!(words(4321, "who knows"), "code 4321, who knows");
        assert_eq!(words(4321, "a\nb"), "code 4321, a b");
        assert_eq!(CloseReason::of(None).words, "no reason given");
    }

    #[test]
    fn a_full_buffer_is_a_loss_of_data_and_says_so() {
        let overflow = farewell(1011, "Writing buffer is full");
        assert!(overflow.is_loss);
        for word in ["1011", "Writing buffer is full", "data are lost"] {
            assert!(overflow.words.contains(word), "{}", overflow.words);
        }
        assert!(!farewell(1011, "Ping timeout").is_loss);
        assert!(!farewell(1000, "Writing buffer is full").is_loss);
    }
}
