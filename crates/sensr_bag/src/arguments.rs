//! Command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::selection::Moment;

/// Reads recordings of the bridge: bags in MCAP, whole or unfinished, with any number of splits.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Describes a recording: topics, gaps, splits, and the ledger at its end
    Info(InfoOptions),
    /// Tells the coordinate frames of each bridge in a recording, from its beginning
    Frames(FramesOptions),
    /// Writes the tracked objects as a table: one row per object and time
    Tracks(TableOptions),
    /// Writes the events as a table: entering, leaving and other events of zones, losing, recalibration
    Events(TableOptions),
    /// Writes the zones as GeoJSON: in degrees if the site has an origin, else in metres
    Zones(ZonesOptions),
    /// Writes each cloud to a file of its own
    Clouds(CloudsOptions),
    /// Decodes the recorded frames of `wire` again, and writes what the bridge publishes for them to a new bag
    Decode(DecodeOptions),
}

/// Whole recording.
#[derive(Debug, Args)]
pub(crate) struct Bag {
    /// Folder of the recording, or one of its *.mcap files
    #[arg(value_name = "BAG")]
    pub path: PathBuf,
    /// Do not show the progress. It is shown on terminals only
    #[arg(long)]
    pub quiet: bool,
}

/// Part of a recording.
#[derive(Debug, Args)]
pub(crate) struct Source {
    #[command(flatten)]
    pub bag: Bag,
    /// Topic to read, with or without its namespace; can be repeated [default: all that fit]
    #[arg(long, value_name = "NAME")]
    pub topic: Vec<String>,
    /// Begin of the part to read: seconds from the beginning of the recording, or a time such as 2026-05-01T12:00:00Z
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<Moment>,
    /// End of the part to read, not included: as --from
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<Moment>,
}

#[derive(Debug, Args)]
pub(crate) struct InfoOptions {
    #[command(flatten)]
    pub source: Source,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FramesOptions {
    #[command(flatten)]
    pub source: Bag,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TableOptions {
    #[command(flatten)]
    pub source: Source,
    /// File to write, *.csv or *.parquet [default: CSV on standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub overwrite: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ZonesOptions {
    #[command(flatten)]
    pub source: Source,
    /// File to write, *.geojson or *.json [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub overwrite: bool,
    /// Write metres in the frame of the zones even if the recording has an origin
    #[arg(long)]
    pub metres: bool,
    /// Direction of the x axis of the origin's frame, degrees clockwise from true north [default: that of the recorded
    /// transform from the earth frame; else 90, east]
    #[arg(long, value_name = "DEGREES", allow_hyphen_values = true)]
    pub heading_deg: Option<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct CloudsOptions {
    #[command(flatten)]
    pub source: Source,
    /// Folder for the files, made if it does not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Format of the files
    #[arg(long, value_enum, default_value_t = CloudFormat::Pcd)]
    pub format: CloudFormat,
    /// Factor from recorded intensities to those in LAS files, which are integers from 0 to 65535
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    pub intensity_scale: f64,
    /// Replace files that exist
    #[arg(long)]
    pub overwrite: bool,
}

/// Format of cloud files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CloudFormat {
    /// Binary PCD 0.7 with every field, bit for bit
    Pcd,
    /// LAS 1.2, point format 0: x, y, z in whole millimetres, intensity
    Las,
}

#[derive(Debug, Args)]
pub(crate) struct DecodeOptions {
    #[command(flatten)]
    pub source: Source,
    /// Folder of the new bag, which must not exist
    #[arg(short, long, value_name = "FOLDER")]
    pub output: PathBuf,
    /// Topics to write, without their namespace; can be repeated [default: all but those made from others]
    #[arg(long, value_name = "NAME")]
    pub write: Vec<String>,
    /// Parameters of the bridge, as the node takes them; can be repeated [default: nothing is limited]
    #[arg(long, value_name = "FILE")]
    pub params_file: Vec<PathBuf>,
    /// Coordinate frame of the messages [default: that of the parameter files, else that of other recorded messages of the
    /// bridge, else sensr]
    #[arg(long, value_name = "NAME")]
    pub frame_id: Option<String>,
    /// Compression of the new bag
    #[arg(long, value_enum, default_value_t = BagCompression::None)]
    pub compression: BagCompression,
}

/// Compression of the chunks of a bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BagCompression {
    /// None: fastest, and hardly larger, for clouds are noise
    None,
    /// LZ4: smaller where messages repeat themselves
    Lz4,
    /// Zstandard: smallest
    Zstd,
}
