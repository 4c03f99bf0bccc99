//! Properties that hold for any input. Each takes any bytes and panics if it does not hold.
//!
//! `scripts/fuzz` runs them under a fuzzer, `tests/fuzz/` over the corpus and mutations of it.

mod cdr;
mod fixture;
mod hosts;
mod input;
mod memory;
mod output;
mod parameters;
mod points;
mod websocket;

pub use hosts::hosts;
pub use output::output;
pub use parameters::parameters;
pub use points::points;
pub use websocket::websocket;
