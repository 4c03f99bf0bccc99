//! Source of the point messages: the scene or a scan replay.

use std::path::Path;

use bytes::Bytes;

use super::cloud_group::CloudGroup;
use super::error::ReplayError;
use super::options::{DEFAULT_SCENE_POINTS, Options};
use super::output::Surroundings;
use super::scan_replay::{ScanMessage, ScanReplay};
use super::scene::{Scene, Sweep, Track};
use crate::SimError;
use sensr_protocol::wire::CloudType;

/// Generator of the clouds and tracks that a server sends.
#[derive(Debug)]
pub(super) struct CloudSource {
    /// Clouds of the messages in turn.
    groups: Vec<CloudGroup>,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Street {
        scene: Box<Scene>,
        /// Latest sweep, shared by points and objects of the same instant.
        latest_sweep: Option<Sweep>,
    },
    Replay(ScanReplay),
}

impl CloudSource {
    /// Builds the scene. Takes up to two seconds.
    pub(super) fn street(options: &Options, seed: u64) -> Self {
        let points = options.points.unwrap_or(DEFAULT_SCENE_POINTS);
        Self {
            groups: CloudGroup::in_turn(options),
            origin: Origin::Street {
                scene: Box::new(Scene::street(seed, points)),
                latest_sweep: None,
            },
        }
    }

    /// Reads the scans. Takes up to two seconds.
    pub(super) fn replay(
        options: &Options,
        path: &Path,
        repeat: bool,
    ) -> Result<Self, ReplayError> {
        let groups = CloudGroup::in_turn(options);
        let replay = ScanReplay::open(path, repeat, options.points, groups.clone())?;
        Ok(Self {
            groups,
            origin: Origin::Replay(replay),
        })
    }

    /// Returns the cloud types of point message number `k`.
    pub(super) fn types_of(&self, k: u64) -> &[CloudType] {
        self.group(k).types()
    }

    fn group(&self, k: u64) -> &CloudGroup {
        let group = k % self.groups.len() as u64;
        &self.groups[usize::try_from(group).unwrap_or_default()]
    }

    /// Returns point message number `k`, due `t_secs` after the start; `None` after the last.
    pub(super) async fn encode_points(
        &mut self,
        k: u64,
        t_secs: f64,
    ) -> Result<Option<Bytes>, SimError> {
        match &mut self.origin {
            Origin::Street { .. } => Ok(Some(self.encode_street(k, t_secs))),
            Origin::Replay(replay) => match replay.message_at(k) {
                None => Ok(None),
                Some(ScanMessage::Ready(frame)) => Ok(Some(frame)),
                Some(ScanMessage::Deferred(deferred)) => {
                    let loaded =
                        tokio::task::spawn_blocking(move || deferred.read_and_encode()).await;
                    let frame = loaded.map_err(|error| SimError::Task {
                        part: "reading a scan",
                        reason: error.to_string(),
                    })??;
                    Ok(Some(frame))
                }
            },
        }
    }

    /// Returns whether the replay ends before point message number `k`.
    pub(super) fn ends_before(&self, k: u64) -> bool {
        match &self.origin {
            Origin::Street { .. } => false,
            Origin::Replay(replay) => replay.message_at(k).is_none(),
        }
    }

    /// Returns the tracks at `t_secs`; a scan replay has none.
    pub(super) fn tracks(&mut self, t_secs: f64) -> Vec<Track> {
        match &mut self.origin {
            Origin::Street {
                scene,
                latest_sweep,
            } => scene.tracks(sweep_at(scene, latest_sweep, t_secs)),
            Origin::Replay(_) => Vec::new(),
        }
    }

    /// Returns the surroundings of the tracks.
    pub(super) fn surroundings(&self) -> Surroundings {
        match &self.origin {
            Origin::Street { scene, .. } => Surroundings::Street {
                parked: scene.parked(),
            },
            Origin::Replay(_) => Surroundings::Empty,
        }
    }

    fn encode_street(&mut self, k: u64, t_secs: f64) -> Bytes {
        let group = self.group(k).clone();
        match &mut self.origin {
            Origin::Street {
                scene,
                latest_sweep,
            } => {
                let sweep = sweep_at(scene, latest_sweep, t_secs);
                group.encode(|kind| scene.cloud(sweep, kind))
            }
            Origin::Replay(_) => Bytes::new(),
        }
    }
}

/// Returns the sweep at `t_secs`, reusing `latest_sweep` if it is of the same instant.
fn sweep_at<'a>(scene: &Scene, latest_sweep: &'a mut Option<Sweep>, t_secs: f64) -> &'a Sweep {
    let fits = |sweep: &Sweep| sweep.t_secs().to_bits() == t_secs.to_bits();
    if !latest_sweep.as_ref().is_some_and(fits) {
        *latest_sweep = None;
    }
    latest_sweep.get_or_insert_with(|| scene.sweep(t_secs))
}
