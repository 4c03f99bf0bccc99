//! Simulated server: two ports, their clients and the playback of messages to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::broadcast::Broadcast;
use super::client::{Limits, ServeContext};
use super::close::Close;
use super::error::SimError;
use super::fault::{Fault, FaultEvent, FaultRunner, InjectError, Injector};
use super::options::Options;
use super::playback::{Playback, PlaybackEnd};
use super::port_listener::PortListener;
use super::port_state::PortState;
use super::report::Report;
use super::shared_state::SharedState;
use super::tls;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Time for all clients to receive the close frame when the server is stopped.
const STOP_LIMIT: Duration = Duration::from_millis(1500);

/// Simulated SENSR server, running in the background of the current tokio runtime.
///
/// Dropping it ends it too, but only [`Server::stop`] waits for the close frames and returns the report.
#[must_use = "a server that is dropped ends"]
#[derive(Debug)]
pub struct Server {
    points: SocketAddr,
    output: SocketAddr,
    shared: Arc<SharedState>,
    injector: Injector,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    task: JoinHandle<Result<(), SimError>>,
}

impl Server {
    /// Opens both ports; returns once clients can connect.
    pub async fn start(options: Options) -> Result<Self, SimError> {
        options.validate()?;
        let tls = match &options.tls {
            Some(tls) => Some(tls::build_acceptor(tls, options.bind)?),
            None => None,
        };
        let points_listener = bind_port("points", options.bind, options.points_port).await?;
        let output_listener = bind_port("output", options.bind, options.output_port).await?;
        let shared = Arc::new(SharedState::new(options));
        let for_playback = Arc::clone(&shared);
        let opening = move || Playback::open(for_playback);
        let opened = tokio::task::spawn_blocking(opening).await;
        let playback = opened.map_err(|error| task_error("opening the source", &error))??;

        let stop = CancellationToken::new();
        let points = local_address("points", &points_listener)?;
        let output = local_address("output", &output_listener)?;
        let (injector, requests) = Injector::new(shared.plays_bag());
        let run = ServerRun {
            shared: Arc::clone(&shared),
            listeners: [points_listener, output_listener],
            addresses: [points, output],
            tls,
            requests,
        };
        Ok(Self {
            points,
            output,
            shared,
            injector,
            stop: stop.clone(),
            _stop_on_drop: stop.clone().drop_guard(),
            task: tokio::spawn(run.run(playback, stop)),
        })
    }

    /// Address of the point stream.
    #[must_use]
    pub fn points_addr(&self) -> SocketAddr {
        self.points
    }

    /// Address of the output stream.
    #[must_use]
    pub fn output_addr(&self) -> SocketAddr {
        self.output
    }

    /// Returns the counts so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.report()
    }

    /// Begins a fault at once.
    pub async fn inject(&self, fault: Fault) -> Result<(), InjectError> {
        self.injector.inject(fault).await
    }

    /// Returns a handle to inject faults while [`Server::run_until`] waits.
    #[must_use]
    pub fn injector(&self) -> Injector {
        self.injector.clone()
    }

    /// Returns a receiver of all further fault events and replaces the previous one.
    #[must_use]
    pub fn fault_events(&self) -> mpsc::UnboundedReceiver<FaultEvent> {
        self.shared.fault_events.subscribe()
    }

    /// Closes every connection with 1001 after the message being written, and waits until they have ended.
    pub async fn stop(self) -> Result<Report, SimError> {
        self.run_until(std::future::ready(())).await
    }

    /// Waits until the playback is complete and delivered; for ever if it is endless.
    pub async fn finished(self) -> Result<Report, SimError> {
        self.run_until(std::future::pending()).await
    }

    /// Waits until the playback is complete and delivered, or stops as soon as `shutdown` completes.
    pub async fn run_until(
        mut self,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Report, SimError> {
        let ended = tokio::select! {
            biased;
            ended = &mut self.task => ended,
            () = shutdown => {
                self.stop.cancel();
                (&mut self.task).await
            }
        };
        ended.map_err(|error| task_error("the server", &error))??;
        Ok(self.shared.report())
    }
}

async fn bind_port(
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

fn task_error(part: &'static str, error: &JoinError) -> SimError {
    SimError::Task {
        part,
        reason: error.to_string(),
    }
}

/// Parts of a running server; in pairs the point stream comes first.
struct ServerRun {
    shared: Arc<SharedState>,
    listeners: [TcpListener; 2],
    addresses: [SocketAddr; 2],
    tls: Option<TlsAcceptor>,
    requests: mpsc::Receiver<Fault>,
}

impl ServerRun {
    /// Plays to the end, then closes the clients.
    async fn run(self, playback: Playback, stop: CancellationToken) -> Result<(), SimError> {
        let closing = CancellationToken::new();
        let closed = closing.clone();
        let kill = CancellationToken::new();
        let killing = kill.clone();
        let broadcasts = [&self.shared.points, &self.shared.output].map(Arc::clone);
        let port_states = [(); 2].map(|()| Arc::new(PortState::new()));
        let [points, output] = port_states.clone();
        let runner = FaultRunner::new(Arc::clone(&self.shared), points, output, closed.clone());
        // Faults last as long as the connections whose guards they hold.
        let mut faults = JoinSet::new();
        faults.spawn(runner.run(self.requests));
        let mut links = JoinSet::new();
        let ports = self.listeners.into_iter().zip(self.addresses);
        for ((listener, address), (broadcast, port)) in
            ports.zip(broadcasts.iter().zip(port_states))
        {
            let port_listener = PortListener {
                address,
                context: ServeContext {
                    broadcast: Arc::clone(broadcast),
                    port,
                    limits: Limits::new(self.shared.options.ping_interval),
                    closing: closed.clone(),
                },
                tls: self.tls.clone(),
            };
            links.spawn(port_listener.run(listener, killing.clone()));
        }

        let played = tokio::select! {
            ended = playback.run(stop.clone()) => ended,
            Some(ended) = links.join_next() => Err(early_end_error("accepting connections", ended)),
            Some(ended) = faults.join_next() => Err(early_end_error("running faults", ended)),
        };
        let complete = matches!(played, Ok(PlaybackEnd::Complete));
        if complete {
            close_after_queued(&broadcasts);
        }
        closing.cancel();
        let mut delivered = Ok(());
        if complete {
            tokio::select! {
                ended = join_all(&mut links) => delivered = ended,
                () = stop.cancelled() => {}
            }
        }
        for broadcast in &broadcasts {
            broadcast.close_now(Close::STOPPING);
        }
        let limited = tokio::time::timeout(STOP_LIMIT, join_all(&mut links)).await;
        // Connections that are left must enter the counters before the report is taken.
        kill.cancel();
        let ended = match limited {
            Ok(ended) => ended,
            Err(_) => join_all(&mut links).await,
        };
        let recovered = join_all(&mut faults).await;
        played.and(delivered).and(ended).and(recovered)
    }
}

fn close_after_queued(broadcasts: &[Arc<Broadcast>]) {
    for broadcast in broadcasts {
        broadcast.close_after_queued(Close::FINISHED);
    }
}

async fn join_all(parts: &mut JoinSet<Result<(), SimError>>) -> Result<(), SimError> {
    while let Some(ended) = parts.join_next().await {
        ended.map_err(|error| task_error("a task of the server", &error))??;
    }
    Ok(())
}

/// Returns the error of a task that ended although it should run on.
fn early_end_error(part: &'static str, ended: Result<Result<(), SimError>, JoinError>) -> SimError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => SimError::Task {
            part,
            reason: "it ended early".to_owned(),
        },
        Err(error) => task_error(part, &error),
    }
}
