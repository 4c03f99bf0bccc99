//! Zone events: entry, exit, loitering and speeding.

use std::collections::BTreeMap;

use super::convert::timestamp;
use super::zone::Zone;
use sensr_protocol::wire::proto::zone_event::{self, Type};
use sensr_protocol::wire::proto::{Object, ZoneEvent};

/// Detector of zone events. Uses only the `zone_ids` of the objects, so that events and objects always agree.
#[derive(Debug, Default)]
pub(super) struct ZoneWatch {
    /// Stays by ids of zone and object.
    stays: BTreeMap<(i32, i32), Stay>,
}

/// Stay of one object in one zone.
#[derive(Debug)]
struct Stay {
    since_ns: i64,
    loitered: bool,
    sped: bool,
    latest: zone_event::Object,
}

impl ZoneWatch {
    /// Discards all stays and takes the objects now inside as present without an entry event.
    pub(super) fn restart(&mut self, now_ns: i64, zones: &[Zone], objects: &[Object]) {
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
        let mut tell = |zone: i32, kind: Type, object: zone_event::Object| {
            events.push(ZoneEvent {
                timestamp: Some(timestamp(now_ns)),
                id: zone,
                r#type: kind.into(),
                object: Some(object),
            });
        };
        let mut before = std::mem::take(&mut self.stays);
        let by_id: BTreeMap<i32, &Object> = objects.iter().map(|o| (o.id, o)).collect();
        for zone in zones.iter().filter(|zone| zone.has_events()) {
            let id = zone.config.id;
            for object in objects.iter().filter(|o| o.zone_ids.contains(&id)) {
                let there = participant(object);
                let key = (id, object.id);
                let mut stay = before.remove(&key).unwrap_or_else(|| {
                    tell(id, Type::Entry, there);
                    Stay::new(now_ns, there)
                });
                stay.latest = there;
                stay.offences(zone, now_ns, |kind| tell(id, kind, there));
                self.stays.insert(key, stay);
            }
        }
        for ((zone, object), stay) in before {
            let there = by_id.get(&object).map(|object| participant(object));
            tell(zone, Type::Exit, there.unwrap_or(stay.latest));
        }
        events
    }
}

impl Stay {
    fn new(since_ns: i64, latest: zone_event::Object) -> Self {
        Self {
            since_ns,
            loitered: false,
            sped: false,
            latest,
        }
    }

    /// Reports loitering and speeding, each once per stay.
    fn offences(&mut self, zone: &Zone, now_ns: i64, mut tell: impl FnMut(Type)) {
        let too_long = |limit_ns| now_ns - self.since_ns >= limit_ns;
        if !self.loitered && zone.loitering_ns.is_some_and(too_long) {
            self.loitered = true;
            tell(Type::Loitering);
        }
        let speed = self.latest.velocity.map_or(0.0, |v| v.x.hypot(v.y));
        if !self.sped && zone.speed_limit.is_some_and(|limit| speed > limit) {
            self.sped = true;
            tell(Type::ExceedsSpeed);
        }
    }
}

fn participant(object: &Object) -> zone_event::Object {
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
    use super::super::convert::SECOND_NS;
    use super::super::zone;
    use super::*;
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
    fn told(watch: &mut ZoneWatch, secs: i64, objects: &[Object]) -> Vec<(i32, Type)> {
        let events = watch.update(secs * SECOND_NS, &zone::street(), objects);
        let same_time = |event: &&ZoneEvent| event.timestamp == Some(timestamp(secs * SECOND_NS));
        assert_eq!(events.iter().filter(same_time).count(), events.len());
        events.iter().map(|e| (e.id, e.r#type())).collect()
    }

    #[test]
    fn stay_has_one_entry_one_exit_and_each_violation_once() {
        let mut watch = ZoneWatch::default();
        let mut at = |secs, speed, zones: &[i32]| told(&mut watch, secs, &[object(speed, zones)]);
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
        let mut watch = ZoneWatch::default();
        told(&mut watch, 0, &[object(3.0, &[4])]);
        let events = watch.update(SECOND_NS, &zone::street(), &[]);
        assert_eq!((events.len(), events[0].r#type()), (1, Type::Exit));
        let there = events[0].object.expect("always present");
        assert_eq!((there.id, there.velocity), (4, object(3.0, &[]).velocity));
    }

    #[test]
    fn object_present_at_a_reset_causes_no_entry() {
        let mut watch = ZoneWatch::default();
        let staying = [object(9.0, &[1])];
        watch.restart(0, &zone::street(), &staying);
        assert_eq!(
            told(&mut watch, 1, &staying),
            [],
            "speeding was reported at the reset"
        );
        watch.restart(5 * SECOND_NS, &zone::street(), &[]);
        assert_eq!(told(&mut watch, 6, &[]), []);
    }
}
