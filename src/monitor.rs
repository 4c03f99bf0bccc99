//! The monitor of running bridges: everything that `sensr_monitor` does without ROS.
//!
//! - [`report`]: the report on a run, with growth of memory and plot.
//! - [`sample`]: what a bridge and its recorder tell, as the monitor keeps it.
//! - [`site`]: the state of one bridge, with rates and a bounded history, made from its samples.
//! - [`view`]: the live view on a terminal.

pub mod report;
pub mod sample;
pub mod site;
pub mod view;
