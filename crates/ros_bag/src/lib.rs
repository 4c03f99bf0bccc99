//! Streaming reader of ROS 2 bags in MCAP: several splits, chunks in zstd and lz4, unfinished files.
//!
//! ```text
//! list_splits ─► list_topics (summary, or records) ─► read_entries, one file after the other, in the order of recording
//!                                                          └─► read_message, by the definition of the type in the file
//! ```
//!
//! Memory is bounded by the largest chunk or message, whatever the size of the bag. Format: <https://mcap.dev/spec>, and the
//! profile `ros2` of <https://mcap.dev/spec/registry>.

mod catalog;
mod definition;
mod entries;
mod error;
mod files;
mod metadata;
mod natural_order;
mod records;
mod value;

pub use catalog::{Topic, list_topics};
pub use definition::{
    Constant, DefinitionError, Field, FieldType, Length, MessageType, parse_definition,
};
pub use entries::{Entry, Message, read_entries};
pub use error::BagError;
pub use files::{LostSplit, Splits, is_bag, is_folder_of_bags, list_splits};
pub use natural_order::NaturalKey;
pub use records::ReadEnd;
pub use value::{TypeCache, Value, is_time, read_message};
