//! Probe of a link: one connection of limited duration, made and read like every other, with the result of each step.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use super::connect::{AttemptStep, AttemptTrace};
use super::connect::{connect, try_port};
use super::error::LinkError;
use super::keepalive::DataStall;
use super::options::LinkOptions;
use super::session::{Session, SessionEnd};
use super::status::{LinkFigures, LinkStatus};
use super::tls::{CertificateSummary, TlsError};
use crate::time::stamp::Arrival;

/// Duration of a probe, from the end of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenTime {
    /// Time for which frames are read in any case.
    pub least: Duration,
    /// Time after which reading ends, even if the handler still needs frames.
    pub most: Duration,
}

/// Handler of the frames of a probe.
pub trait ProbeHandler {
    /// Handles a whole binary message. Must not block.
    fn handle_frame(&mut self, payload: Bytes, arrival: Arrival);

    /// Returns whether the frames so far are enough, so that the probe can end after [`ListenTime::least`].
    fn is_complete(&self) -> bool;
}

/// Result of a probe.
#[derive(Debug)]
pub struct ProbeResult {
    /// Steps of the attempt to connect.
    pub trace: AttemptTrace,
    /// CA file that cannot be used. Name and port were tried nevertheless, and nothing else.
    pub ca_file_error: Option<TlsError>,
    /// Reason why the attempt failed, or the connection ended before the probe did.
    pub error: Option<LinkError>,
    /// End of the handshake. `None` if the attempt failed.
    pub connected_at: Option<Instant>,
    /// Certificate of the server, if it was accepted.
    pub certificate: Option<CertificateSummary>,
    /// Warning about that certificate.
    pub certificate_warning: Option<String>,
    /// Figures of the connection.
    pub figures: LinkFigures,
}

impl ProbeResult {
    fn unconnected(trace: AttemptTrace, error: Option<LinkError>) -> Self {
        Self {
            trace,
            ca_file_error: None,
            error,
            connected_at: None,
            certificate: None,
            certificate_warning: None,
            figures: LinkFigures::default(),
        }
    }
}

/// Connects once, passes frames to `handler` for the given time, and closes the connection gracefully. A CA file that
/// cannot be used does not keep name and port from being tried.
pub async fn probe(
    options: &LinkOptions,
    listen: ListenTime,
    handler: &mut impl ProbeHandler,
) -> ProbeResult {
    let mut trace = AttemptTrace::default();
    let connected = connect(&options.endpoint, options.max_message_bytes, &mut trace).await;
    let socket = match connected {
        Ok(socket) => socket,
        Err(LinkError::Tls(error @ TlsError::CaFile(_))) => {
            let tried = try_port(&options.endpoint, &mut trace).await;
            return ProbeResult {
                ca_file_error: Some(error),
                ..ProbeResult::unconnected(trace, tried.err())
            };
        }
        Err(error) => return ProbeResult::unconnected(trace, Some(error)),
    };
    let connected_at = Instant::now();
    let certificate = socket.transport().certificate();
    let certificate_warning = socket.transport().warning().map(str::to_owned);
    let link = LinkStatus::default();
    // The sender must live as long as the connection: its end is a shutdown.
    let (_options, mut changes) = watch::channel(options.clone());
    let (shutdown, complete) = (CancellationToken::new(), CancellationToken::new());
    let mut stall = DataStall::default();
    let mut session = Session::new(&link, options, &mut changes, &shutdown, &mut stall);
    let mut on_message = |payload, arrival| {
        handler.handle_frame(payload, arrival);
        if handler.is_complete() {
            complete.cancel();
        }
    };
    let url = options.endpoint.url();
    let timer = async {
        tokio::time::sleep(listen.least).await;
        let rest = listen.most.saturating_sub(listen.least);
        // After the rest of the time it is over, complete or not.
        let _ = timeout(rest, complete.cancelled()).await;
        shutdown.cancel();
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        end = session.run_connected(socket, &url, &mut on_message) => end,
        () = timer => SessionEnd::Shutdown,
    };
    let error = match end {
        SessionEnd::Failed(error) => Some(error),
        SessionEnd::Shutdown | SessionEnd::OptionsChanged => None,
    };
    ProbeResult {
        trace,
        ca_file_error: None,
        error,
        connected_at: Some(connected_at),
        certificate,
        certificate_warning,
        figures: link.snapshot(),
    }
}
