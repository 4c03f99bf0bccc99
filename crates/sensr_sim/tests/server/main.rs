//! The simulated SENSR server over real sockets on the loopback interface.

mod bag;
mod faults;
mod limits;
mod output;
mod points;
mod process;
mod replay;
mod support;
mod test_bags;
mod tls;
