//! Server with both streams of SENSR, for measurements.
//!
//! Each client of the point stream has a port and numbers of its own. It gets clouds at a low rate until the measured
//! part begins, then as the options say, and nothing more after that. The output stream sends ten messages a second to
//! every client.

mod options;
mod output_stream;
mod point_stream;
mod record;

pub use options::{Extent, ServerOptions};

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sensr_sim::{TlsError, build_server_config};

use self::output_stream::OutputStream;
use self::point_stream::PointStream;
use self::record::Record;
use crate::stream::StreamOptions;

/// Error of starting the server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A port cannot be used, or the record cannot be written.
    #[error("{what}: {source}")]
    Io {
        /// Port or file.
        what: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl ServerError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Event that is reported on standard output, one line each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The measured part of a client has begun with the frame of this number.
    Steady {
        /// Index of the client.
        client: usize,
        /// Number of the first frame of the measured part.
        number: u32,
    },
    /// The measured part of a client has ended before the frame of this number, and its record is written.
    End {
        /// Index of the client.
        client: usize,
        /// Number of frames sent in all.
        number: u32,
    },
}

/// Reports events.
pub type EventSink = Box<dyn Fn(Event) + Send + Sync>;

/// State that the threads of the server share.
struct Shared {
    options: ServerOptions,
    stream_options: StreamOptions,
    is_measuring: AtomicBool,
    record: Record,
    events: EventSink,
}

/// Running server.
pub struct Server {
    shared: Arc<Shared>,
    points_ports: Vec<u16>,
    output_port: u16,
}

impl Server {
    /// Encodes the frames and listens on both ports.
    pub fn start(options: ServerOptions, events: EventSink) -> Result<Self, ServerError> {
        let listen = |port: u16| {
            TcpListener::bind((options.address, port))
                .map_err(ServerError::io(format!("listen on port {port}")))
        };
        let mut points = Vec::new();
        for client in 0..options.clients {
            let port = match options.points_port {
                0 => 0,
                first => first.saturating_add(client),
            };
            points.push(listen(port)?);
        }
        let output = listen(options.output_port)?;
        let port_of = |listener: &TcpListener| -> Result<u16, ServerError> {
            let address = listener.local_addr().map_err(ServerError::io("port"))?;
            Ok(address.port())
        };
        let points_ports = points.iter().map(port_of).collect::<Result<_, _>>()?;
        let output_port = port_of(&output)?;
        let tls = match &options.tls {
            Some(tls) => Some(Arc::new(build_server_config(tls, options.address)?)),
            None => None,
        };
        let record = Record::create(options.csv.as_deref())
            .map_err(ServerError::io("write the record of the frames"))?;
        let frames = options.encode_point_frames();
        let output_stream = OutputStream::new(&options);
        let shared = Arc::new(Shared {
            stream_options: StreamOptions {
                tls,
                pace_mbit: options.pace_mbit,
            },
            is_measuring: AtomicBool::new(false),
            record,
            events,
            options,
        });
        for (client, listener) in points.into_iter().enumerate() {
            let stream = PointStream::new(client, Arc::clone(&frames), &shared.options);
            serve_points(listener, stream, &shared);
        }
        serve_output(output, output_stream, &shared);
        Ok(Self {
            shared,
            points_ports,
            output_port,
        })
    }

    /// TCP ports of the point stream, one per client.
    #[must_use]
    pub fn points_ports(&self) -> &[u16] {
        &self.points_ports
    }

    /// TCP port of the output stream, for all clients.
    #[must_use]
    pub fn output_port(&self) -> u16 {
        self.output_port
    }

    /// Begins the measured part.
    pub fn begin_measuring(&self) {
        self.shared.is_measuring.store(true, Ordering::Release);
    }
}

/// Accepts the clients of a port, each in a thread that ends with its connection.
fn accept_clients(
    listener: TcpListener,
    shared: &Arc<Shared>,
    serve: impl Fn(TcpStream, &Shared) -> io::Result<()> + Send + Sync + 'static,
) {
    let (shared, serve) = (Arc::clone(shared), Arc::new(serve));
    thread::spawn(move || {
        for socket in listener.incoming() {
            let (shared, serve) = (Arc::clone(&shared), Arc::clone(&serve));
            thread::spawn(move || {
                let served = socket.and_then(|socket| serve(socket, &shared));
                if let Err(error) = served {
                    // A client that leaves ends its thread like this; the measuring script counts what arrived.
                    report_end(&error);
                }
            });
        }
    });
}

#[expect(clippy::print_stderr, reason = "the log of the server")]
fn report_end(error: &io::Error) {
    eprintln!("sensr_bench: a connection ended: {error}");
}

/// Serves a client on its port. A connection waits for the end of the former one: a client that reconnects may do so
/// before that is noticed.
fn serve_points(listener: TcpListener, stream: PointStream, shared: &Arc<Shared>) {
    let stream = Mutex::new(stream);
    accept_clients(listener, shared, move |socket, shared| {
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.serve(socket, shared)
    });
}

fn serve_output(listener: TcpListener, stream: OutputStream, shared: &Arc<Shared>) {
    accept_clients(listener, shared, move |socket, shared| {
        stream.serve(socket, shared)
    });
}

#[cfg(test)]
mod tests;
