//! Publishers of markers: they track what viewers have been sent, and what late viewers need again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delivery::{Delivery, Sink};
use crate::encode::markers::{ObjectMarkers, ZoneMarkers};
use crate::metrics::ledger::IngestDecision;
use crate::pipeline::queued_output::DueZones;
use crate::time::stamp::Arrival;
use crate::topic::{QosClass, Topic};
use ros_cdr::Header;
use sensr_protocol::wire::proto::{Object, ZoneConfig};

/// Lifetime of the markers of moving objects, in addition to twice the interval.
const MARKER_LIFETIME: Duration = Duration::from_secs(1);
/// Period in which SENSR lists static objects, about.
const LIST_PERIOD: Duration = Duration::from_secs(10);
/// Periods without a list after which static objects are gone. On the wire an empty list and no list are the same.
const MAX_MISSED_LISTS: u32 = 6;

/// Number of subscribers of a topic at the latest message.
#[derive(Debug, Default)]
struct SubscriberCount(usize);

impl SubscriberCount {
    /// Returns whether there are more subscribers than at the previous call.
    fn has_grown_to(&mut self, count: usize) -> bool {
        count > std::mem::replace(&mut self.0, count)
    }
}

/// Publishes the markers of objects.
///
/// Moving objects are updated with every message. Static ones are listed rarely, so their markers have no lifetime and
/// stay until another list replaces them. After each list and for each new viewer the array is redrawn: it deletes all
/// markers of the topic and adds the present ones.
#[derive(Debug, Default)]
pub(super) struct ObjectMarkerPublisher {
    markers: ObjectMarkers,
    static_objects: StaticObjects,
    viewers: SubscriberCount,
    /// The next array is complete instead of an update of the one before.
    needs_redraw: bool,
    is_shown: bool,
}

impl ObjectMarkerPublisher {
    /// Records a message with objects and the static objects that it lists, whether its markers are due or not.
    pub(super) fn record_objects(&mut self, arrival: Arrival, listed: &[Object]) {
        self.needs_redraw |= self.static_objects.record_list(arrival.instant, listed);
    }

    /// Records the present number of viewers. The next array is complete if it has grown.
    pub(super) fn record_viewers(&mut self, viewers: usize) {
        self.needs_redraw |= self.viewers.has_grown_to(viewers);
    }

    /// Serializes the markers of a recorded message. They are due every `interval`.
    pub(super) fn encode(
        &mut self,
        header: Header<'_>,
        interval: Duration,
        objects: &[Object],
    ) -> &[u8] {
        self.is_shown = true;
        let lifetime = MARKER_LIFETIME + 2 * interval;
        if std::mem::take(&mut self.needs_redraw) {
            let listed = &self.static_objects.listed;
            self.markers.redraw(header, lifetime, objects, listed)
        } else {
            self.markers.update(header, lifetime, objects)
        }
    }

    /// Deletes all markers that were published.
    pub(super) fn delete_all<S: Sink>(&mut self, header: Header<'_>, delivery: &mut Delivery<S>) {
        if !std::mem::take(&mut self.is_shown) {
            return;
        }
        self.needs_redraw = true;
        let markers = &mut self.markers;
        delivery
            .metrics
            .ledger
            .record_received(Topic::ObjectMarkers, IngestDecision::Queued);
        delivery.publish_if_subscribed(Topic::ObjectMarkers, Arrival::now(), || {
            markers.clear(header)
        });
    }

    /// Forgets the static objects of the former server.
    pub(super) fn forget_objects(&mut self) {
        self.static_objects = StaticObjects::default();
    }
}

/// Latest list of static objects, without their points.
#[derive(Debug, Default)]
struct StaticObjects {
    listed: Vec<Object>,
    /// Time without a list. Pauses between messages count for one period at most.
    unlisted_for: Duration,
    latest: Option<Instant>,
}

impl StaticObjects {
    /// Records the list of a message, which may be empty. Returns whether the markers must be redrawn.
    fn record_list(&mut self, now: Instant, list: &[Object]) -> bool {
        let latest = self.latest.replace(now).unwrap_or(now);
        if !list.is_empty() {
            self.unlisted_for = Duration::ZERO;
            self.listed = list.iter().map(without_points).collect();
            return true;
        }
        // However long the pause, the message after it has missed one list at most.
        let pause = now.saturating_duration_since(latest).min(LIST_PERIOD);
        self.unlisted_for = self.unlisted_for.saturating_add(pause);
        if self.listed.is_empty() || self.unlisted_for < MAX_MISSED_LISTS * LIST_PERIOD {
            return false;
        }
        self.listed = Vec::new();
        true
    }
}

/// Copies an object without its points, which would keep the whole frame alive.
fn without_points(object: &Object) -> Object {
    let mut object = object.clone();
    object.points.clear();
    object.intensities.clear();
    object
}

/// Publishes the markers of zones, and keeps the latest zones for late viewers.
#[derive(Debug, Default)]
pub(super) struct ZoneMarkerPublisher {
    markers: ZoneMarkers,
    zones: Option<Arc<[ZoneConfig]>>,
    viewers: SubscriberCount,
    is_shown: bool,
}

impl ZoneMarkerPublisher {
    /// Publishes the markers of the zones of a message, or of the latest zones if a viewer has subscribed since.
    pub(super) fn publish<S: Sink>(
        &mut self,
        arrival: Arrival,
        header: Header<'_>,
        is_enabled: bool,
        received: Option<&DueZones>,
        delivery: &mut Delivery<S>,
    ) {
        if let Some(received) = received {
            self.zones = Some(Arc::clone(&received.zones));
        }
        let viewers = delivery.sink.subscribers(Topic::ZoneMarkers.into());
        let has_new_viewer = is_enabled && self.viewers.has_grown_to(viewers);
        let is_due = received.is_some_and(|received| received.is_due);
        if !is_due {
            if !has_new_viewer || self.zones.is_none() {
                return;
            }
            // An additional message, which SENSR did not cause.
            let ledger = &delivery.metrics.ledger;
            ledger.record_received(Topic::ZoneMarkers, IngestDecision::Queued);
        }
        // Markers without a message of SENSR have no arrival of their own.
        let arrival = if is_due { arrival } else { Arrival::now() };
        let Self { markers, zones, .. } = self;
        let zones = zones.as_deref().unwrap_or_default();
        // The middleware keeps the latest message for late viewers: once there is one, it must be kept up to date.
        if self.is_shown {
            delivery.publish_latched(Topic::ZoneMarkers, arrival, || {
                markers.encode(header, zones)
            });
        } else {
            let is_shown = &mut self.is_shown;
            delivery.publish_if_subscribed(Topic::ZoneMarkers, arrival, || {
                *is_shown = true;
                markers.encode(header, zones)
            });
        }
    }

    /// Publishes the latest markers again, if any were published.
    pub(super) fn repeat<S: Sink>(&mut self, header: Header<'_>, delivery: &mut Delivery<S>) {
        if self.is_shown {
            let Self { markers, zones, .. } = self;
            let zones = zones.as_deref().unwrap_or_default();
            delivery.publish_again(Topic::ZoneMarkers, || markers.encode(header, zones));
        }
    }

    /// Deletes all markers that were published, by as many messages as the middleware keeps for late viewers, so that
    /// these receive none of the markers before.
    pub(super) fn delete_all<S: Sink>(&mut self, header: Header<'_>, delivery: &mut Delivery<S>) {
        if !std::mem::take(&mut self.is_shown) {
            return;
        }
        for _ in 0..QosClass::Latched.depth(0) {
            let markers = &mut self.markers;
            delivery.publish_again(Topic::ZoneMarkers, || markers.clear(header));
        }
        // Present viewers get the zones again once markers are enabled again.
        self.viewers = SubscriberCount::default();
    }

    /// Forgets the zones of the former server.
    pub(super) fn forget_zones(&mut self) {
        self.zones = None;
    }
}
