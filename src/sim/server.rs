//! The server: two listening sockets, their clients, and what is sent to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::client::{self, Limits};
use super::error::SimError;
use super::hub::Hub;
use super::options::Options;
use super::producer::End;
use super::production::Production;
use super::report::Report;
use super::send_queue::Close;
use super::shared::Shared;
use crate::shutdown::{self, Shutdown, Trigger};

/// Time for all clients to take the close frame when the server is told to stop.
const STOP_LIMIT: Duration = Duration::from_millis(1500);

/// Pause after a connection could not be accepted (too many open files, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A simulated SENSR server, running in the background of the current tokio runtime.
///
/// Dropping it ends it too, but only [`Server::stop`] waits for the close frames and tells how it went.
#[must_use = "a server that is dropped ends"]
#[derive(Debug)]
pub struct Server {
    points: SocketAddr,
    output: SocketAddr,
    shared: Arc<Shared>,
    stop: Trigger,
    task: JoinHandle<Result<(), SimError>>,
}

impl Server {
    /// Listens on both ports; returns when clients can connect.
    pub async fn start(options: Options) -> Result<Self, SimError> {
        options.check()?;
        let points_listener = listen("points", options.bind, options.points_port).await?;
        let output_listener = listen("output", options.bind, options.output_port).await?;
        let shared = Arc::new(Shared::new(options));
        let for_production = Arc::clone(&shared);
        let opening = move || Production::open(for_production);
        let opened = tokio::task::spawn_blocking(opening).await;
        let production = opened.map_err(|error| failed("making the source", &error))??;

        let (stop, stopping) = shutdown::channel();
        let points = local_address("points", &points_listener)?;
        let output = local_address("output", &output_listener)?;
        let running = run(
            Arc::clone(&shared),
            points_listener,
            output_listener,
            production,
            stopping,
        );
        Ok(Self {
            points,
            output,
            shared,
            stop,
            task: tokio::spawn(running),
        })
    }

    /// Where the point stream is.
    #[must_use]
    pub fn points_addr(&self) -> SocketAddr {
        self.points
    }

    /// Where the output stream is.
    #[must_use]
    pub fn output_addr(&self) -> SocketAddr {
        self.output
    }

    /// What it has done so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.report()
    }

    /// Closes every connection with 1001 after the message being written, and waits for that.
    pub async fn stop(self) -> Result<Report, SimError> {
        self.run_until(std::future::ready(())).await
    }

    /// Waits until all is produced and delivered; for ever if there is no end to it.
    pub async fn finished(self) -> Result<Report, SimError> {
        self.run_until(std::future::pending()).await
    }

    /// Waits until all is produced and delivered, or stops as soon as `shutdown` returns.
    pub async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Report, SimError> {
        let ended = tokio::select! {
            biased;
            ended = &mut self.task => ended,
            () = shutdown => {
                self.stop.request();
                (&mut self.task).await
            }
        };
        ended.map_err(|error| failed("the server", &error))??;
        Ok(self.shared.report())
    }
}

async fn listen(
    link: &'static str,
    bind: std::net::IpAddr,
    port: u16,
) -> Result<TcpListener, SimError> {
    let address = SocketAddr::new(bind, port);
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| SimError::Listen {
        link,
        address,
        source,
    })
}

fn local_address(link: &'static str, listener: &TcpListener) -> Result<SocketAddr, SimError> {
    listener.local_addr().map_err(|source| SimError::Listen {
        link,
        address: SocketAddr::from(([0, 0, 0, 0], 0)),
        source,
    })
}

fn failed(part: &'static str, error: &JoinError) -> SimError {
    SimError::Task {
        part,
        reason: error.to_string(),
    }
}

/// Produces to the end, then lets the clients go.
async fn run(
    shared: Arc<Shared>,
    points: TcpListener,
    output: TcpListener,
    production: Production,
    mut stop: Shutdown,
) -> Result<(), SimError> {
    let (closing, closed) = shutdown::channel();
    let limits = Limits::new(shared.options.ping_interval);
    let mut links = JoinSet::new();
    links.spawn(accept(
        points,
        Arc::clone(&shared.points),
        limits,
        closed.clone(),
    ));
    links.spawn(accept(output, Arc::clone(&shared.output), limits, closed));

    let produced = tokio::select! {
        ended = production.run(stop.clone()) => ended,
        Some(ended) = links.join_next() => Err(link_failed(ended)),
    };
    let complete = matches!(produced, Ok(End::Complete));
    let hubs = [&shared.points, &shared.output];
    if complete {
        for hub in hubs {
            hub.close_after_all(Close::FINISHED);
        }
    }
    closing.request();
    let mut delivered = Ok(());
    if complete {
        tokio::select! {
            ended = all_ended(&mut links) => delivered = ended,
            () = stop.requested() => {}
        }
    }
    for hub in hubs {
        hub.close_now(Close::STOPPED);
    }
    if let Ok(ended) = tokio::time::timeout(STOP_LIMIT, all_ended(&mut links)).await {
        delivered = delivered.and(ended);
    }
    produced.and(delivered)
}

async fn all_ended(links: &mut JoinSet<Result<(), SimError>>) -> Result<(), SimError> {
    while let Some(ended) = links.join_next().await {
        ended.map_err(|error| failed("accepting connections", &error))??;
    }
    Ok(())
}

fn link_failed(ended: Result<Result<(), SimError>, JoinError>) -> SimError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => SimError::Task {
            part: "accepting connections",
            reason: "it ended too early".to_owned(),
        },
        Err(error) => failed("accepting connections", &error),
    }
}

/// Accepts clients until `closing`, then waits for the last to leave.
async fn accept(
    listener: TcpListener,
    hub: Arc<Hub>,
    limits: Limits,
    mut closing: Shutdown,
) -> Result<(), SimError> {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = closing.requested() => break,
            Some(ended) = clients.join_next() => {
                ended.map_err(|error| failed("serving a client", &error))?;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        log::debug!("{} {peer}: {error}", hub.name);
                    }
                    clients.spawn(client::serve(stream, peer, Arc::clone(&hub), limits));
                }
                Err(error) => {
                    log::warn!("{}: cannot accept a connection: {error}", hub.name);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while let Some(ended) = clients.join_next().await {
        ended.map_err(|error| failed("serving a client", &error))?;
    }
    Ok(())
}
