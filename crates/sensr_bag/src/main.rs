//! `sensr_bag`: what a recording of the bridge contains, as tables, zones and clouds, without ROS.
//!
//! ```text
//! arguments ─► recording (splits, topics, times, progress) ─┬─► info, frames
//!                                                          ├─► rows ─► table (CSV, Parquet)      tracks, events
//!                                                          ├─► zones (GeoJSON)
//!                                                          ├─► clouds (PCD, LAS)
//!                                                          └─► decode (a new bag)
//! ```
//!
//! Messages are read one after the other, so that a recording of any size takes no more memory than its largest chunk.

mod arguments;
mod clouds;
mod decode;
mod error;
mod frames;
mod info;
mod messages;
mod output;
mod place;
mod recording;
mod rows;
mod selection;
mod table;
mod zones;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .parse_default_env()
        .format(|line, record| {
            let level = record.level().as_str().to_lowercase();
            writeln!(line, "sensr_bag: {level}: {}", record.args())
        })
        .init();
    let arguments = Arguments::parse();
    let result = match &arguments.command {
        Command::Info(options) => info::run(options),
        Command::Frames(options) => frames::run(options),
        Command::Tracks(options) => rows::export_tracks(options),
        Command::Events(options) => rows::export_events(options),
        Command::Zones(options) => zones::run(options),
        Command::Clouds(options) => clouds::run(options),
        Command::Decode(options) => decode::run(options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has enough, as `head` does.
        Err(error) if error.is_broken_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
