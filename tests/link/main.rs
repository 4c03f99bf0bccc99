//! The link to SENSR over real sockets, against a scripted server.

mod addresses;
mod attempts;
mod close_frames;
mod closing;
mod control;
mod handshake;
mod messages;
mod probe;
mod stalls;
mod support;
mod tls;
