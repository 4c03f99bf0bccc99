//! The link to SENSR, over real sockets, against a server that does what it is told.

mod addresses;
mod attempts;
mod control;
mod goodbyes;
mod messages;
mod silence;
mod support;
mod tls;
