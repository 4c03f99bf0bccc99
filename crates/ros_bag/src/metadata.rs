//! `metadata.yaml` of a rosbag2 folder.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::error::BagError;

/// File that rosbag2 writes at the end of a recording.
pub(crate) const FILE_NAME: &str = "metadata.yaml";

/// Relevant part of the file.
#[derive(Debug, Deserialize)]
struct Metadata {
    rosbag2_bagfile_information: BagInformation,
}

/// Description of a whole bag.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BagInformation {
    storage_identifier: String,
    pub relative_file_paths: Vec<String>,
    compression_mode: String,
}

impl BagInformation {
    /// Reads the file; `None` if it is missing, because the recorder was killed, or invalid.
    pub(crate) fn read_file(folder: &Path) -> Result<Option<Self>, BagError> {
        let path = folder.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let text =
            fs::read_to_string(&path).map_err(|source| BagError::cannot_read(&path, source))?;
        match serde_yaml::from_str::<Metadata>(&text) {
            Ok(metadata) => Ok(Some(metadata.rosbag2_bagfile_information)),
            Err(error) => {
                let path = path.display();
                log::warn!("{path}: {error}; using the files in the order of their names");
                Ok(None)
            }
        }
    }

    /// Refuses other storage than MCAP and compression of single messages, which MCAP readers do not support.
    pub(crate) fn check_supported(self, folder: &Path) -> Result<Self, BagError> {
        if !matches!(self.storage_identifier.as_str(), "mcap" | "") {
            return Err(BagError::Storage {
                path: folder.to_owned(),
                storage: self.storage_identifier,
            });
        }
        if self.compression_mode.eq_ignore_ascii_case("message") {
            return Err(BagError::CompressedMessages(folder.to_owned()));
        }
        Ok(self)
    }
}
