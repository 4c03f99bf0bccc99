//! The link to SENSR, over real sockets, against a server that does what it is told.

mod addresses;
mod attempts;
mod closing;
mod control;
mod goodbyes;
mod handshake;
mod messages;
mod silence;
mod support;
mod tls;
