//! Endpoint, state and figures of a link.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tls::TlsOptions;
use crate::time::stamp::Stamp;

/// Server that a link connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// TLS options. `None` for plain WebSocket.
    pub tls: Option<TlsOptions>,
}

impl Endpoint {
    /// Returns whether both are the same server, with the same TLS options or not.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        (&self.address, self.port) == (&other.address, other.port)
    }

    /// WebSocket URL, with IPv6 addresses in brackets.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/", self.authority())
    }

    /// Address and port, such as `192.0.2.1:5050`, with IPv6 addresses in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        format_authority(&self.address, self.port)
    }

    /// `Host` header field of a request, without the zone of an IPv6 address, which is local (RFC 6874, section 4).
    pub(super) fn host_field(&self) -> String {
        let address = self.address.split('%').next().unwrap_or_default();
        format_authority(address, self.port)
    }
}

fn format_authority(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// Attempting to connect: name resolution, TCP, TLS, handshake.
    #[default]
    Connecting,
    /// Established.
    Connected,
    /// Waiting for the next attempt.
    Backoff,
    /// Disabled for now.
    Paused,
    /// Ended, because the node shuts down.
    Stopped,
}

/// State and figures of a link at one time. Counts are since the start.
#[derive(Debug, Clone, Default)]
pub struct LinkFigures {
    /// `ws://…` or `wss://…`
    pub url: String,
    /// Current state.
    pub state: LinkState,
    /// Time at which it entered the state.
    pub state_since: Stamp,
    /// Connections established.
    pub connects: u64,
    /// Established connections that ended.
    pub disconnects: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// Error that ended the last connection or attempt.
    pub last_error: String,
    /// Binary frames received completely.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// Bytes of the largest of these frames.
    pub largest_frame: u64,
    /// Text frames.
    pub text_frames: u64,
    /// Frames that are not a message of the stream.
    pub undecodable_frames: u64,
    /// Frames larger than `max_message_bytes`.
    pub oversized_frames: u64,
    /// Frames truncated by the end of a connection: received in part, or after bytes that could not be read.
    pub truncated_frames: u64,
    /// Connections ended by the keep-alive, because no bytes or no messages were received.
    pub stalls: u64,
    /// Connections that the server closed because its send buffer was full. It lost the data in it.
    pub server_overflows: u64,
    /// True if the server is alive but has sent no messages for the stall timeout.
    pub is_silent: bool,
    /// Clouds of an unknown type.
    pub unknown_cloud_types: u64,
    /// Parts of messages that did not decode, without the events and clouds that the ledger counts.
    pub undecodable_parts: u64,
    /// Texts that are not UTF-8 or contain a NUL, published with U+FFFD instead.
    pub invalid_texts: u64,
}

/// State and figures of a link, shared between threads.
#[derive(Debug, Default)]
pub struct LinkStatus {
    figures: Mutex<LinkFigures>,
}

impl LinkStatus {
    /// Returns a consistent copy.
    pub fn snapshot(&self) -> LinkFigures {
        self.lock().clone()
    }

    /// Changes the state.
    pub fn set_state(&self, state: LinkState) {
        self.update(|figures| {
            figures.state = state;
            figures.state_since = Stamp::now();
            figures.is_silent = false;
            if state == LinkState::Connected {
                figures.connects += 1;
            }
        });
    }

    /// Changes figures, atomically with respect to [`snapshot`](Self::snapshot).
    pub fn update(&self, change: impl FnOnce(&mut LinkFigures)) {
        change(&mut self.lock());
    }

    // A poisoned lock is recovered: an update is complete before a panic can release the lock.
    fn lock(&self) -> MutexGuard<'_, LinkFigures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_are_in_brackets() {
        let url = |address: &str| {
            Endpoint {
                address: address.to_owned(),
                port: 5051,
                tls: None,
            }
            .url()
        };
        assert_eq!(url("192.0.2.1"), "ws://192.0.2.1:5051/");
        assert_eq!(url("2001:db8::1"), "ws://[2001:db8::1]:5051/");
    }

    #[test]
    fn address_or_port_makes_another_server_and_tls_does_not() {
        let plain = |address: &str, port| Endpoint {
            address: address.to_owned(),
            port,
            tls: None,
        };
        let server = plain("192.0.2.1", 5050);
        assert!(!server.is_same_server(&plain("192.0.2.2", 5050)));
        assert!(!server.is_same_server(&plain("192.0.2.1", 5051)));
        let encrypted = Endpoint {
            tls: Some(TlsOptions {
                ca_file: "sensr-ca.crt".into(),
                server_name: None,
                verify_name: true,
            }),
            ..server.clone()
        };
        assert!(server.is_same_server(&encrypted));
    }

    #[test]
    fn zone_of_an_address_is_not_sent() {
        let endpoint = Endpoint {
            address: "fe80::1%eth0".to_owned(),
            port: 5050,
            tls: None,
        };
        assert_eq!(endpoint.host_field(), "[fe80::1]:5050");
        assert_eq!(endpoint.url(), "ws://[fe80::1%eth0]:5050/");
    }

    #[test]
    fn tls_changes_the_scheme_of_the_url() {
        let endpoint = Endpoint {
            address: "sensr.example".to_owned(),
            port: 5050,
            tls: Some(TlsOptions {
                ca_file: "sensr-ca.crt".into(),
                server_name: None,
                verify_name: true,
            }),
        };
        assert_eq!(endpoint.url(), "wss://sensr.example:5050/");
    }

    #[test]
    fn only_established_connections_are_counted() {
        let link = LinkStatus::default();
        for state in [
            LinkState::Connecting,
            LinkState::Connected,
            LinkState::Backoff,
        ] {
            link.set_state(state);
            assert_eq!(link.snapshot().state, state);
        }
        assert_eq!(link.snapshot().connects, 1);
        assert!(link.snapshot().state_since.sec > 0);
    }
}
