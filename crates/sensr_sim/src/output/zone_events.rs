//! Zone events: entry, exit, loitering and speeding.

use std::collections::BTreeMap;

use super::zone::Zone;
use crate::convert::timestamp;
use sensr_protocol::wire::proto::zone_event::{self, Type};
use sensr_protocol::wire::proto::{Object, ZoneEvent};

/// Detector of zone events. Uses only the `zone_ids` of the objects, so that events and objects always agree.
#[derive(Debug, Default)]
pub(super) struct ZoneEventDetector {
    /// Stays by ids of zone and object.
    stays: BTreeMap<(i32, i32), ZoneStay>,
}

/// Stay of one object in one zone.
#[derive(Debug)]
struct ZoneStay {
    since_ns: i64,
    loitered: bool,
    sped: bool,
    latest: zone_event::Object,
}

impl ZoneEventDetector {
    /// Discards all stays and takes the objects now inside as present without an entry event.
    pub(super) fn reset(&mut self, now_ns: i64, zones: &[Zone], objects: &[Object]) {
        self.stays.clear();
        self.update(now_ns, zones, objects);
    }

    /// Returns the events since the previous call.
    pub(super) fn update(
        &mut self,
        now_ns: i64,
        zones: &[Zone],
        objects: &[Object],
    ) -> Vec<ZoneEvent> {
        let mut events = Vec::new();
        let mut report = |zone: i32, kind: Type, object: zone_event::Object| {
            events.push(ZoneEvent {
                timestamp: Some(timestamp(now_ns)),
                id: zone,
                r#type: kind.into(),
                object: Some(object),
            });
        };
        let mut previous = std::mem::take(&mut self.stays);
        let by_id: BTreeMap<i32, &Object> = objects.iter().map(|o| (o.id, o)).collect();
        for zone in zones.iter().filter(|zone| zone.has_events()) {
            let id = zone.config.id;
            for object in objects.iter().filter(|o| o.zone_ids.contains(&id)) {
                let event_object = to_event_object(object);
                let key = (id, object.id);
                let mut stay = previous.remove(&key).unwrap_or_else(|| {
                    report(id, Type::Entry, event_object);
                    ZoneStay::new(now_ns, event_object)
                });
                stay.latest = event_object;
                stay.report_violations(zone, now_ns, |kind| report(id, kind, event_object));
                self.stays.insert(key, stay);
            }
        }
        for ((zone, object), stay) in previous {
            let event_object = by_id.get(&object).map(|object| to_event_object(object));
            report(zone, Type::Exit, event_object.unwrap_or(stay.latest));
        }
        events
    }
}

impl ZoneStay {
    fn new(since_ns: i64, latest: zone_event::Object) -> Self {
        Self {
            since_ns,
            loitered: false,
            sped: false,
            latest,
        }
    }

    /// Reports loitering and speeding, each once per stay.
    fn report_violations(&mut self, zone: &Zone, now_ns: i64, mut report: impl FnMut(Type)) {
        let too_long = |limit_ns| now_ns - self.since_ns >= limit_ns;
        if !self.loitered && zone.loitering_ns.is_some_and(too_long) {
            self.loitered = true;
            report(Type::Loitering);
        }
        let speed = self.latest.velocity.map_or(0.0, |v| v.x.hypot(v.y));
        if !self.sped && zone.speed_limit.is_some_and(|limit| speed > limit) {
            self.sped = true;
            report(Type::ExceedsSpeed);
        }
    }
}

fn to_event_object(object: &Object) -> zone_event::Object {
    let bbox = object.bbox.unwrap_or_default();
    zone_event::Object {
        id: object.id,
        position: bbox.position,
        heading: bbox.yaw,
        velocity: object.velocity,
    }
}

#[cfg(test)]
mod tests {
    use super::super::zone;
    use super::*;
    use crate::convert::SECOND_NS;
    use sensr_protocol::wire::proto::Vector3;

    fn object(speed: f32, zone_ids: &[i32]) -> Object {
        Object {
            id: 4,
            velocity: Some(Vector3 {
                x: speed,
                ..Vector3::default()
            }),
            zone_ids: zone_ids.to_vec(),
            ..Object::default()
        }
    }

    /// Returns zone and type of the events at `secs`.
    fn reported(
        zone_events: &mut ZoneEventDetector,
        secs: i64,
        objects: &[Object],
    ) -> Vec<(i32, Type)> {
        let events = zone_events.update(secs * SECOND_NS, &zone::street_zones(), objects);
        let same_time = |event: &&ZoneEvent| event.timestamp == Some(timestamp(secs * SECOND_NS));
        assert_eq!(events.iter().filter(same_time).count(), events.len());
        events.iter().map(|e| (e.id, e.r#type())).collect()
    }

    #[test]
    fn stay_has_one_entry_one_exit_and_each_violation_once() {
        let mut zone_events = ZoneEventDetector::default();
        let mut at =
            |secs, speed, zones: &[i32]| reported(&mut zone_events, secs, &[object(speed, zones)]);
        assert_eq!(at(0, 9.0, &[3]), [], "not a zone with events");
        assert_eq!(at(1, 8.0, &[1, 3]), [(1, Type::Entry)]);
        assert_eq!(at(2, 9.0, &[1]), [(1, Type::ExceedsSpeed)]);
        assert_eq!(at(3, 8.0, &[1]), []);
        assert_eq!(at(4, 9.0, &[1]), [], "once");
        assert_eq!(at(8, 0.0, &[1]), []);
        assert_eq!(at(9, 0.0, &[1]), [(1, Type::Loitering)]);
        assert_eq!(at(20, 0.0, &[1]), [], "once");
        assert_eq!(at(21, 0.0, &[4]), [(4, Type::Entry), (1, Type::Exit)]);
        let again = [(1, Type::Entry), (1, Type::ExceedsSpeed), (4, Type::Exit)];
        assert_eq!(at(22, 9.0, &[1]), again);
    }

    #[test]
    fn lost_object_exits_at_its_last_position() {
        let mut zone_events = ZoneEventDetector::default();
        reported(&mut zone_events, 0, &[object(3.0, &[4])]);
        let events = zone_events.update(SECOND_NS, &zone::street_zones(), &[]);
        assert_eq!((events.len(), events[0].r#type()), (1, Type::Exit));
        let event_object = events[0].object.expect("always present");
        assert_eq!(
            (event_object.id, event_object.velocity),
            (4, object(3.0, &[]).velocity)
        );
    }

    #[test]
    fn object_present_at_a_reset_causes_no_entry() {
        let mut zone_events = ZoneEventDetector::default();
        let staying = [object(9.0, &[1])];
        zone_events.reset(0, &zone::street_zones(), &staying);
        assert_eq!(
            reported(&mut zone_events, 1, &staying),
            [],
            "speeding was reported at the reset"
        );
        zone_events.reset(5 * SECOND_NS, &zone::street_zones(), &[]);
        assert_eq!(reported(&mut zone_events, 6, &[]), []);
    }
}
