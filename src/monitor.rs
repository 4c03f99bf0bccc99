//! The monitor of running bridges: everything that `sensr_monitor` does without ROS.
//!
//! - [`sample`]: what a bridge and its recorder tell, as the monitor keeps it.
//! - [`site`]: the state of one bridge, with rates and a bounded history, made from its samples; [`sites`]: all of them,
//!   shared between threads.
//! - [`view`]: the live view on a terminal; [`display`]: its thread.
//! - [`plain`] and [`csv`]: lines and rows, with the figures of a [`period`]; [`units`]: how figures are written.
//! - [`report`]: the report on a run, with growth of memory and plot.
//! - [`session`]: one run of the monitor, which puts these together.
//! - [`arguments`]: the command line; [`output`] and [`stderr_relay`]: streams that never block.

pub mod arguments;
pub mod csv;
pub mod display;
pub mod output;
pub mod period;
pub mod plain;
pub mod report;
pub mod sample;
pub mod session;
pub mod site;
pub mod sites;
pub mod stderr_relay;
#[cfg(test)]
mod test_samples;
pub mod units;
pub mod view;
