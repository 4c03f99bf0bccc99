//! What a link is, where it leads, and the account of what it brought.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tls::TlsOptions;
use crate::time::stamp::Stamp;

/// Where a link connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// TLS. None: plain WebSocket.
    pub tls: Option<TlsOptions>,
}

impl Endpoint {
    /// Returns whether both lead to the same server, by the same way or not.
    #[must_use]
    pub fn is_same_server(&self, other: &Self) -> bool {
        (&self.address, self.port) == (&other.address, other.port)
    }

    /// The WebSocket address, with IPv6 addresses in brackets.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/", authority(&self.address, self.port))
    }

    /// The `Host` field of a request. The zone of an IPv6 address is no business of the server's (RFC 6874,
    /// section 4).
    pub(super) fn authority(&self) -> String {
        let address = self.address.split('%').next().unwrap_or_default();
        authority(address, self.port)
    }
}

fn authority(address: &str, port: u16) -> String {
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}

/// Where a link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkState {
    /// Resolving, connecting, shaking hands.
    #[default]
    Connecting,
    /// Established.
    Connected,
    /// Waiting before the next attempt.
    Backoff,
    /// Not wanted for now.
    Paused,
    /// Ended for good, because the node stops.
    Stopped,
}

/// A copy of a link's figures.
#[derive(Debug, Clone, Default)]
pub struct LinkFigures {
    /// `ws://…` or `wss://…`
    pub url: String,
    /// Where it is in its life.
    pub state: LinkState,
    /// Since when.
    pub state_since: Stamp,
    /// Links established.
    pub connects: u64,
    /// Established links that ended.
    pub disconnects: u64,
    /// Attempts that did not get there.
    pub failed_attempts: u64,
    /// What ended the last link or attempt.
    pub last_error: String,
    /// Binary frames received whole.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes of the largest.
    pub largest_frame: u64,
    /// Frames that were text.
    pub text_frames: u64,
    /// Frames that were no message of the stream.
    pub undecodable_frames: u64,
    /// Frames over the limit.
    pub oversized_frames: u64,
    /// Messages that came in part, or behind what could not be read, when a link ended.
    pub truncated_frames: u64,
    /// Links given up because nothing, or no data, came any more.
    pub stalls: u64,
    /// Links that the server closed because its buffer for us was full: it lost what was in there.
    pub server_overflows: u64,
    /// There are signs of life but has been no data for so long that something is wrong.
    pub is_silent: bool,
    /// Clouds of unknown type.
    pub unknown_cloud_types: u64,
    /// Parts of messages that did not decode; events and clouds that have an account are not counted.
    pub undecodable_parts: u64,
    /// Texts that are not UTF-8 or contain a NUL. They come out with U+FFFD in its place.
    pub invalid_texts: u64,
}

/// One link's figures, shared.
#[derive(Debug, Default)]
pub struct LinkStatus {
    figures: Mutex<LinkFigures>,
}

impl LinkStatus {
    /// A consistent copy.
    pub fn snapshot(&self) -> LinkFigures {
        self.lock().clone()
    }

    /// Enters a state.
    pub fn enter(&self, state: LinkState) {
        self.update(|figures| {
            figures.state = state;
            figures.state_since = Stamp::now();
            figures.is_silent = false;
            if state == LinkState::Connected {
                figures.connects += 1;
            }
        });
    }

    /// Changes figures, all of them seen together by [`snapshot`](Self::snapshot).
    pub fn update(&self, change: impl FnOnce(&mut LinkFigures)) {
        change(&mut self.lock());
    }

    /// An update is complete before a panic can release the lock, so a poisoned one still tells the
    /// truth.
    fn lock(&self) -> MutexGuard<'_, LinkFigures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_stand_in_brackets() {
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
    fn another_address_or_port_is_another_server_and_tls_is_not() {
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
    fn the_zone_of_an_address_stays_here() {
        let endpoint = Endpoint {
            address: "fe80::1%eth0".to_owned(),
            port: 5050,
            tls: None,
        };
        assert_eq!(endpoint.authority(), "[fe80::1]:5050");
        assert_eq!(endpoint.url(), "ws://[fe80::1%eth0]:5050/");
    }

    #[test]
    fn with_tls_it_is_another_scheme() {
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
    fn only_an_established_link_counts_as_one() {
        let link = LinkStatus::default();
        for state in [
            LinkState::Connecting,
            LinkState::Connected,
            LinkState::Backoff,
        ] {
            link.enter(state);
            assert_eq!(link.snapshot().state, state);
        }
        assert_eq!(link.snapshot().connects, 1);
        assert!(link.snapshot().state_since.sec > 0);
    }
}
