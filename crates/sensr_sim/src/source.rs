//! Source of the point messages: the scene or a scan replay.

use std::path::Path;

use bytes::Bytes;

use super::error::ReplayError;
use super::message::encode;
use super::options::{DEFAULT_SCENE_POINTS, Options};
use super::output::Setting;
use super::replay::{Frame, Replay};
use super::scene::{Scene, Sweep, Track};
use crate::SimError;
use sensr_protocol::wire::CloudType;

/// Generator of the clouds and tracks that a server sends.
#[derive(Debug)]
pub(super) struct Source {
    /// Cloud types of the messages in turn.
    groups: Vec<Vec<CloudType>>,
    world: World,
}

#[derive(Debug)]
enum World {
    Street {
        scene: Box<Scene>,
        /// Latest sweep, shared by points and objects of the same instant.
        latest: Option<Sweep>,
    },
    Replay(Replay),
}

impl Source {
    /// Builds the scene. Takes up to two seconds.
    pub(super) fn street(options: &Options, seed: u64) -> Self {
        let points = options.points.unwrap_or(DEFAULT_SCENE_POINTS);
        Self {
            groups: groups(options),
            world: World::Street {
                scene: Box::new(Scene::street(seed, points)),
                latest: None,
            },
        }
    }

    /// Reads the scans. Takes up to two seconds.
    pub(super) fn replay(
        options: &Options,
        path: &Path,
        repeat: bool,
    ) -> Result<Self, ReplayError> {
        let groups = groups(options);
        let replay = Replay::open(path, repeat, options.points, groups.clone())?;
        Ok(Self {
            groups,
            world: World::Replay(replay),
        })
    }

    /// Returns the cloud types of point message number `k`.
    pub(super) fn types(&self, k: u64) -> &[CloudType] {
        let group = k % self.groups.len() as u64;
        &self.groups[usize::try_from(group).unwrap_or_default()]
    }

    /// Returns point message number `k`, due `t_secs` after the start; `None` after the last.
    pub(super) async fn points(&mut self, k: u64, t_secs: f64) -> Result<Option<Bytes>, SimError> {
        match &mut self.world {
            World::Street { .. } => Ok(Some(self.street_points(k, t_secs))),
            World::Replay(replay) => match replay.message(k) {
                None => Ok(None),
                Some(Frame::Ready(frame)) => Ok(Some(frame)),
                Some(Frame::Load(load)) => {
                    let loaded = tokio::task::spawn_blocking(move || load.run()).await;
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
    pub(super) fn is_over(&self, k: u64) -> bool {
        match &self.world {
            World::Street { .. } => false,
            World::Replay(replay) => replay.message(k).is_none(),
        }
    }

    /// Returns the tracks at `t_secs`; a scan replay has none.
    pub(super) fn tracks(&mut self, t_secs: f64) -> Vec<Track> {
        match &mut self.world {
            World::Street { scene, latest } => scene.tracks(sweep(scene, latest, t_secs)),
            World::Replay(_) => Vec::new(),
        }
    }

    /// Returns the surroundings of the tracks.
    pub(super) fn setting(&self) -> Setting {
        match &self.world {
            World::Street { scene, .. } => Setting::Street {
                parked: scene.parked(),
            },
            World::Replay(_) => Setting::Empty,
        }
    }

    fn street_points(&mut self, k: u64, t_secs: f64) -> Bytes {
        let types = self.types(k).to_vec();
        match &mut self.world {
            World::Street { scene, latest } => {
                let sweep = sweep(scene, latest, t_secs);
                let clouds = types.iter().map(|&kind| scene.cloud(sweep, kind));
                encode(clouds.collect())
            }
            World::Replay(_) => Bytes::new(),
        }
    }
}

/// Returns the cloud types of the messages in turn.
fn groups(options: &Options) -> Vec<Vec<CloudType>> {
    let types = options.effective_types();
    if options.alternate {
        types.into_iter().map(|kind| vec![kind]).collect()
    } else {
        vec![types]
    }
}

/// Returns the sweep at `t_secs`, reusing `latest` if it is of the same instant.
fn sweep<'a>(scene: &Scene, latest: &'a mut Option<Sweep>, t_secs: f64) -> &'a Sweep {
    let fits = |sweep: &Sweep| sweep.t_secs().to_bits() == t_secs.to_bits();
    if !latest.as_ref().is_some_and(fits) {
        *latest = None;
    }
    latest.get_or_insert_with(|| scene.sweep(t_secs))
}
