//! Simulated server: two ports, their clients and the playback of messages to them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::client::{Host, Limits};
use super::door::Door;
use super::ending::Close;
use super::entrance::Entrance;
use super::error::SimError;
use super::fault::{Director, Fault, FaultEvent, Injector, NotCarriedOut};
use super::hub::Hub;
use super::options::Options;
use super::producer::End;
use super::production::Production;
use super::report::Report;
use super::shared::Shared;
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
    shared: Arc<Shared>,
    injector: Injector,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    task: JoinHandle<Result<(), SimError>>,
}

impl Server {
    /// Opens both ports; returns once clients can connect.
    pub async fn start(options: Options) -> Result<Self, SimError> {
        options.check()?;
        let tls = match &options.tls {
            Some(tls) => Some(tls::acceptor(tls, options.bind)?),
            None => None,
        };
        let points_listener = listen("points", options.bind, options.points_port).await?;
        let output_listener = listen("output", options.bind, options.output_port).await?;
        let shared = Arc::new(Shared::new(options));
        let for_production = Arc::clone(&shared);
        let opening = move || Production::open(for_production);
        let opened = tokio::task::spawn_blocking(opening).await;
        let production = opened.map_err(|error| failed("making the source", &error))??;

        let stop = CancellationToken::new();
        let points = local_address("points", &points_listener)?;
        let output = local_address("output", &output_listener)?;
        let (injector, orders) = Injector::new(shared.plays_bag());
        let run = Run {
            shared: Arc::clone(&shared),
            listeners: [points_listener, output_listener],
            addresses: [points, output],
            tls,
            orders,
        };
        Ok(Self {
            points,
            output,
            shared,
            injector,
            stop: stop.clone(),
            _stop_on_drop: stop.clone().drop_guard(),
            task: tokio::spawn(run.run(production, stop)),
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
    pub async fn inject(&self, fault: Fault) -> Result<(), NotCarriedOut> {
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
        self.shared.herald.listen()
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

/// Parts of a running server; in pairs the point stream comes first.
struct Run {
    shared: Arc<Shared>,
    listeners: [TcpListener; 2],
    addresses: [SocketAddr; 2],
    tls: Option<TlsAcceptor>,
    orders: mpsc::Receiver<Fault>,
}

impl Run {
    /// Plays to the end, then closes the clients.
    async fn run(self, production: Production, stop: CancellationToken) -> Result<(), SimError> {
        let closing = CancellationToken::new();
        let closed = closing.clone();
        let kill = CancellationToken::new();
        let killing = kill.clone();
        let hubs = [&self.shared.points, &self.shared.output].map(Arc::clone);
        let doors = [(); 2].map(|()| Arc::new(Door::new()));
        let [points, output] = doors.clone();
        let director = Director::new(Arc::clone(&self.shared), points, output, closed.clone());
        // Faults last as long as the connections whose guards they hold.
        let mut faults = JoinSet::new();
        faults.spawn(director.run(self.orders));
        let mut links = JoinSet::new();
        let ports = self.listeners.into_iter().zip(self.addresses);
        for ((listener, address), (hub, door)) in ports.zip(hubs.iter().zip(doors)) {
            let entrance = Entrance {
                address,
                host: Host {
                    hub: Arc::clone(hub),
                    door,
                    limits: Limits::new(self.shared.options.ping_interval),
                    closing: closed.clone(),
                },
                tls: self.tls.clone(),
            };
            links.spawn(entrance.run(listener, killing.clone()));
        }

        let produced = tokio::select! {
            ended = production.run(stop.clone()) => ended,
            Some(ended) = links.join_next() => Err(part_failed("accepting connections", ended)),
            Some(ended) = faults.join_next() => Err(part_failed("carrying out faults", ended)),
        };
        let complete = matches!(produced, Ok(End::Complete));
        if complete {
            close_after_all(&hubs);
        }
        closing.cancel();
        let mut delivered = Ok(());
        if complete {
            tokio::select! {
                ended = all_ended(&mut links) => delivered = ended,
                () = stop.cancelled() => {}
            }
        }
        for hub in &hubs {
            hub.close_now(Close::STOPPED);
        }
        let limited = tokio::time::timeout(STOP_LIMIT, all_ended(&mut links)).await;
        // Connections that are left must enter the counters before the report is taken.
        kill.cancel();
        let ended = match limited {
            Ok(ended) => ended,
            Err(_) => all_ended(&mut links).await,
        };
        let recovered = all_ended(&mut faults).await;
        produced.and(delivered).and(ended).and(recovered)
    }
}

fn close_after_all(hubs: &[Arc<Hub>]) {
    for hub in hubs {
        hub.close_after_all(Close::FINISHED);
    }
}

async fn all_ended(parts: &mut JoinSet<Result<(), SimError>>) -> Result<(), SimError> {
    while let Some(ended) = parts.join_next().await {
        ended.map_err(|error| failed("a part of the server", &error))??;
    }
    Ok(())
}

/// Returns the error of a task that ended although it should run on.
fn part_failed(part: &'static str, ended: Result<Result<(), SimError>, JoinError>) -> SimError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) => SimError::Task {
            part,
            reason: "it ended early".to_owned(),
        },
        Err(error) => failed(part, &error),
    }
}
