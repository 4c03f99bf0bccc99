//! The simulated SENSR server over real sockets on the loopback interface.

mod bag;
mod faults;
mod limits;
mod output;
mod points;
mod process;
mod recording;
mod replay;
mod support;
mod tls;
