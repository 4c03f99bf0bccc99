//! Playback of the chosen source.

use std::sync::Arc;

use super::bag::Player;
use super::error::SimError;
use super::options;
use super::producer::{End, Producer};
use super::shared::Shared;
use super::source::Source;
use tokio_util::sync::CancellationToken;

/// Playback of messages to the clients of both streams.
pub(super) enum Production {
    /// Generated messages of the scene or of scans, on a schedule.
    Made(Box<Producer>),
    /// Recorded frames of both streams.
    Bag(Box<Player>),
}

impl Production {
    /// Prepares the source, which may take long or fail.
    pub(super) fn open(shared: Arc<Shared>) -> Result<Self, SimError> {
        let source = match &shared.options.source {
            options::Source::Street { seed } => Source::street(&shared.options, *seed),
            options::Source::Replay { path, repeat } => {
                Source::replay(&shared.options, path, *repeat)?
            }
            options::Source::Bag(bag) => {
                let bag = bag.clone();
                return Ok(Self::Bag(Box::new(Player::open(shared, bag)?)));
            }
        };
        Ok(Self::Made(Box::new(Producer::new(shared, source))))
    }

    /// Plays until all requested messages are sent or `stop`.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<End, SimError> {
        match self {
            Self::Made(producer) => producer.run(stop).await,
            Self::Bag(player) => player.run(stop).await,
        }
    }
}
