//! Simulated tracker: assigns ids and statuses to the actors.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::convert::SECOND_NS;
use crate::convert::to_f64;
use crate::scene::{FUTURE_STEPS, STEP_SECS, Track};
use sensr_protocol::wire::proto::TrackingStatus;

/// Duration of the VALIDATING status after the first point.
const VALIDATING_NS: i64 = SECOND_NS / 2;

/// Time without points after which a track is INVALIDATING, and then lost.
const DRIFTING_NS: i64 = SECOND_NS / 2;
const INVALIDATING_NS: i64 = SECOND_NS;

/// Tracker of the actors.
///
/// An id belongs to one actor from its first point until it is lost; an actor seen again gets a new id.
#[derive(Debug)]
pub(super) struct Tracker {
    first_id: i32,
    next_id: i32,
    tracked: BTreeMap<u64, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    id: i32,
    /// Time of the first point.
    first_ns: i64,
    /// Time of the last point.
    last_ns: i64,
    /// Time of `latest`.
    updated_ns: i64,
    /// Latest state, without points.
    latest: Track,
}

/// Tracked actor at one instant.
#[derive(Debug)]
pub(super) struct Sighting {
    pub id: i32,
    pub status: TrackingStatus,
    /// Time at which tracking began.
    pub first_ns: i64,
    /// Time of the last point.
    pub last_ns: i64,
    /// Time of the last position of [`Track::past`].
    pub past_ns: i64,
    pub track: Track,
}

/// Actor that is no longer tracked.
#[derive(Debug)]
pub(super) struct LostTrack {
    pub id: i32,
    pub bottom_centre: [f64; 3],
    pub yaw: f64,
}

/// Result of one tracker update.
#[derive(Debug, Default)]
pub(super) struct TrackerUpdate {
    pub sightings: Vec<Sighting>,
    pub lost: Vec<LostTrack>,
}

impl Tracker {
    /// Returns a tracker whose first id is `first_id`.
    pub(super) fn new(first_id: i32) -> Self {
        Self {
            first_id,
            next_id: first_id,
            tracked: BTreeMap::new(),
        }
    }

    /// Updates the tracks to `now_ns`. Tracks missing from `tracks` are extrapolated until they are lost.
    pub(super) fn update(&mut self, now_ns: i64, tracks: Vec<Track>) -> TrackerUpdate {
        let mut known = std::mem::take(&mut self.tracked);
        let mut update = TrackerUpdate::default();
        for track in tracks {
            let has_points = !track.points.is_empty();
            let known = known.remove(&track.key);
            if known.is_none() && !has_points {
                continue;
            }
            let (id, first_ns, last_ns) = match known {
                Some(known) => (known.id, known.first_ns, known.last_ns),
                None => (self.new_id(), now_ns, now_ns),
            };
            let last_ns = if has_points { now_ns } else { last_ns };
            let tracked = Tracked {
                id,
                first_ns,
                last_ns,
                updated_ns: now_ns,
                latest: Track {
                    points: Bytes::new(),
                    intensities: Bytes::new(),
                    ..track.clone()
                },
            };
            self.record_status(now_ns, tracked, track, &mut update);
        }
        for (_, missing) in known {
            let since_secs = to_f64((now_ns - missing.updated_ns).unsigned_abs()) / 1e9;
            let track = extrapolate(&missing.latest, since_secs);
            self.record_status(now_ns, missing, track, &mut update);
        }
        update
    }

    fn record_status(
        &mut self,
        now_ns: i64,
        tracked: Tracked,
        track: Track,
        update: &mut TrackerUpdate,
    ) {
        match tracked.status(now_ns) {
            None => update.lost.push(LostTrack {
                id: tracked.id,
                bottom_centre: track.bottom_centre,
                yaw: track.yaw,
            }),
            Some(status) => {
                update.sightings.push(Sighting {
                    id: tracked.id,
                    status,
                    first_ns: tracked.first_ns,
                    last_ns: tracked.last_ns,
                    past_ns: tracked.updated_ns,
                    track,
                });
                self.tracked.insert(tracked.latest.key, tracked);
            }
        }
    }

    fn new_id(&mut self) -> i32 {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(self.first_id);
        id
    }
}

impl Tracked {
    /// Returns the status, or `None` once the track is lost.
    fn status(&self, now_ns: i64) -> Option<TrackingStatus> {
        let unseen_ns = now_ns - self.last_ns;
        if unseen_ns > INVALIDATING_NS {
            None
        } else if unseen_ns > DRIFTING_NS {
            Some(TrackingStatus::Invalidating)
        } else if unseen_ns > 0 {
            Some(TrackingStatus::Drifting)
        } else if now_ns - self.first_ns < VALIDATING_NS {
            Some(TrackingStatus::Validating)
        } else {
            Some(TrackingStatus::Tracking)
        }
    }
}

/// Returns the track `secs` later, extrapolated with constant velocity.
fn extrapolate(track: &Track, secs: f64) -> Track {
    let after = |secs: f64| {
        let [x, y, z] = track.bottom_centre;
        let [vx, vy, vz] = track.velocity;
        [x + vx * secs, y + vy * secs, z + vz * secs]
    };
    let steps = 1..=FUTURE_STEPS;
    Track {
        bottom_centre: after(secs),
        yaw_rate: 0.0,
        future: steps
            .map(|step| after(secs + f64::from(step) * STEP_SECS))
            .collect(),
        ..track.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::track;
    use super::*;

    /// Returns the only sighting at a time, in tenths of a second.
    fn at(tracker: &mut Tracker, tenths: i64, tracks: Vec<Track>) -> Option<Sighting> {
        let update = tracker.update(tenths * SECOND_NS / 10, tracks);
        assert!(update.sightings.len() + update.lost.len() <= 1);
        update.sightings.into_iter().next()
    }

    #[test]
    fn track_begins_with_its_first_point_and_ends_after_its_last() {
        let mut tracker = Tracker::new(7);
        let mut at = |tenths, points| {
            let seen = at(&mut tracker, tenths, vec![track(points)]);
            seen.map(|seen| (seen.id, seen.status))
        };
        assert_eq!(at(0, 0), None, "never seen");
        assert_eq!(at(1, 9), Some((7, TrackingStatus::Validating)));
        assert_eq!(at(5, 9), Some((7, TrackingStatus::Validating)));
        assert_eq!(at(6, 9), Some((7, TrackingStatus::Tracking)));
        assert_eq!(at(7, 0), Some((7, TrackingStatus::Drifting)));
        assert_eq!(at(12, 0), Some((7, TrackingStatus::Invalidating)));
        assert_eq!(at(17, 0), None, "missing");
        assert_eq!(at(18, 9), Some((8, TrackingStatus::Validating)), "again");
    }

    #[test]
    fn track_that_leaves_the_scene_is_extrapolated_until_lost() {
        let mut tracker = Tracker::new(1);
        at(&mut tracker, 0, vec![track(9)]);
        for tenths in 1..=10 {
            let missing = at(&mut tracker, tenths, Vec::new()).expect("not lost yet");
            let [x, y, _] = missing.track.bottom_centre;
            let way = 0.9 * f64::from(i32::try_from(tenths).expect("few"));
            assert!((x - 15.0 - way).abs() < 1e-9 && (y - 6.0).abs() < 1e-9);
            assert!((missing.track.future[9][0] - x - 9.0).abs() < 1e-9);
            assert_eq!((missing.last_ns, missing.past_ns), (0, 0));
        }
        let lost = tracker.update(SECOND_NS + 1, Vec::new()).lost;
        assert_eq!((lost.len(), lost[0].id), (1, 1));
        let after = tracker.update(2 * SECOND_NS, Vec::new());
        assert!(after.lost.is_empty(), "reported once");
    }
}
