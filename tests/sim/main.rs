//! The simulated SENSR server over real sockets on the loopback interface.

mod limits;
mod output;
mod points;
mod process;
mod replay;
mod support;
