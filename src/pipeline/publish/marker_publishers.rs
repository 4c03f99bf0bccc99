//! Pictures of objects and zones: what viewers were sent, and what those who come later are sent again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::encode::markers::{ObjectMarkers, ZoneMarkers};
use crate::encode::messages::ObjectSet;
use crate::metrics::ledger::Intake;
use crate::pipeline::object_message::DueZones;
use crate::pipeline::publish::delivery::{Delivery, Sink};
use crate::time::stamp::Arrival;
use crate::topic::{QosClass, Topic};
use ros_cdr::Header;
use sensr_protocol::wire::proto::{Object, ZoneConfig};

/// A picture of objects vanishes when for so long, and twice the interval, none follows.
const MARKER_LIFETIME: Duration = Duration::from_secs(1);
/// SENSR lists static objects about this often.
const LIST_PERIOD: Duration = Duration::from_secs(10);
/// After so many periods without a list there are no static objects any more: on the wire an empty list is none.
const MISSED_LISTS: u32 = 6;

/// Subscribers of a topic, as of the latest message.
#[derive(Debug, Default)]
struct SubscriberCount(usize);

impl SubscriberCount {
    /// Returns whether there are more than at the call before.
    fn have_grown_to(&mut self, count: usize) -> bool {
        count > std::mem::replace(&mut self.0, count)
    }
}

/// Pictures of the objects.
///
/// Moving objects are drawn with every message. Static ones are listed rarely, so their pictures have no lifetime: they
/// stay until another list replaces them. A picture that is drawn whole replaces all others of the topic; so is the
/// one after each list, and the one after a viewer came.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct ObjectMarkerPublisher {
    markers: ObjectMarkers,
    static_objects: StaticObjects,
    viewers: SubscriberCount,
    /// The array shown before is not to be built upon.
    needs_redraw: bool,
    is_shown: bool,
}

impl ObjectMarkerPublisher {
    /// Takes the objects of a message, to be drawn or not.
    pub(in crate::pipeline) fn note(&mut self, arrival: Arrival, set: &ObjectSet) {
        self.needs_redraw |= self
            .static_objects
            .note(arrival.instant, &set.static_objects);
    }

    /// Draws the objects of a message that was noted. They are due every `interval`.
    pub(in crate::pipeline) fn publish<S: Sink>(
        &mut self,
        arrival: Arrival,
        header: Header<'_>,
        interval: Duration,
        set: &ObjectSet,
        hand_over: &mut Delivery<S>,
    ) {
        let viewers = hand_over.sink.subscribers(Topic::ObjectMarkers);
        self.needs_redraw |= self.viewers.have_grown_to(viewers);
        let lifetime = MARKER_LIFETIME + 2 * interval;
        let Self {
            markers,
            static_objects,
            needs_redraw,
            is_shown,
            ..
        } = self;
        hand_over.publish_if_subscribed(Topic::ObjectMarkers, arrival, || {
            *is_shown = true;
            if std::mem::take(needs_redraw) {
                markers.redraw(header, lifetime, &set.objects, &static_objects.listed)
            } else {
                markers.update(header, lifetime, &set.objects)
            }
        });
    }

    /// Deletes what is shown.
    pub(in crate::pipeline) fn clear<S: Sink>(
        &mut self,
        header: Header<'_>,
        hand_over: &mut Delivery<S>,
    ) {
        if !std::mem::take(&mut self.is_shown) {
            return;
        }
        self.needs_redraw = true;
        let markers = &mut self.markers;
        hand_over
            .stats
            .ledger
            .receive(Topic::ObjectMarkers, Intake::Queued);
        hand_over.publish_if_subscribed(Topic::ObjectMarkers, Arrival::now(), || {
            markers.clear(header)
        });
    }

    /// Forgets the static objects: from now on it is another server.
    pub(in crate::pipeline) fn forget(&mut self) {
        self.static_objects = StaticObjects::default();
    }
}

/// SENSR's latest list of static objects, without their points.
#[derive(Debug, Default)]
struct StaticObjects {
    listed: Vec<Object>,
    /// Time without a list, as far as there were messages.
    unlisted_for: Duration,
    latest: Option<Instant>,
}

impl StaticObjects {
    /// Takes the list of a message, or none. Returns whether they are to be drawn anew.
    fn note(&mut self, now: Instant, list: &[Object]) -> bool {
        let latest = self.latest.replace(now).unwrap_or(now);
        if !list.is_empty() {
            self.unlisted_for = Duration::ZERO;
            self.listed = list.iter().map(without_points).collect();
            return true;
        }
        // However long there was none, a message after it lacks no more than the one list before it.
        let pause = now.saturating_duration_since(latest).min(LIST_PERIOD);
        self.unlisted_for = self.unlisted_for.saturating_add(pause);
        if self.listed.is_empty() || self.unlisted_for < MISSED_LISTS * LIST_PERIOD {
            return false;
        }
        self.listed = Vec::new();
        true
    }
}

/// The points would keep the whole frame alive.
fn without_points(object: &Object) -> Object {
    let mut object = object.clone();
    object.points.clear();
    object.intensities.clear();
    object
}

/// Pictures of the zones: of those last heard of, for those who come to look at them later, too.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct ZoneMarkerPublisher {
    markers: ZoneMarkers,
    zones: Option<Arc<[ZoneConfig]>>,
    viewers: SubscriberCount,
    is_shown: bool,
}

impl ZoneMarkerPublisher {
    /// Draws the zones of a message that has some, or those of an earlier one if a viewer has come.
    pub(in crate::pipeline) fn publish<S: Sink>(
        &mut self,
        arrival: Arrival,
        header: Header<'_>,
        is_wanted: bool,
        heard: Option<&DueZones>,
        hand_over: &mut Delivery<S>,
    ) {
        if let Some(heard) = heard {
            self.zones = Some(Arc::clone(&heard.zones));
        }
        let viewers = hand_over.sink.subscribers(Topic::ZoneMarkers);
        let has_viewer_come = is_wanted && self.viewers.have_grown_to(viewers);
        let is_due = heard.is_some_and(|heard| heard.is_due);
        if !is_due {
            if !has_viewer_come || self.zones.is_none() {
                return;
            }
            // One more than SENSR's zones gave cause for.
            let ledger = &hand_over.stats.ledger;
            ledger.receive(Topic::ZoneMarkers, Intake::Queued);
        }
        // What is made without a message of its own came just now.
        let arrival = if is_due { arrival } else { Arrival::now() };
        let Self { markers, zones, .. } = self;
        let zones = zones.as_deref().unwrap_or_default();
        // The middleware shows the latest to those to come: once there is one, it must be up to date.
        if self.is_shown {
            hand_over.publish_latched(Topic::ZoneMarkers, arrival, || {
                markers.encode(header, zones)
            });
        } else {
            let is_shown = &mut self.is_shown;
            hand_over.publish_if_subscribed(Topic::ZoneMarkers, arrival, || {
                *is_shown = true;
                markers.encode(header, zones)
            });
        }
    }

    /// Deletes what is shown: as often as the middleware keeps messages for late viewers, so that these get none of
    /// the pictures before.
    pub(in crate::pipeline) fn clear<S: Sink>(
        &mut self,
        header: Header<'_>,
        hand_over: &mut Delivery<S>,
    ) {
        if !std::mem::take(&mut self.is_shown) {
            return;
        }
        for _ in 0..QosClass::Latched.depth(0) {
            let markers = &mut self.markers;
            hand_over
                .stats
                .ledger
                .receive(Topic::ZoneMarkers, Intake::Queued);
            hand_over.publish_latched(Topic::ZoneMarkers, Arrival::now(), || markers.clear(header));
        }
        // Whoever is there is shown the zones again when there are pictures again.
        self.viewers = SubscriberCount::default();
    }

    /// Forgets the zones: from now on it is another server.
    pub(in crate::pipeline) fn forget(&mut self) {
        self.zones = None;
    }
}
