//! Publishers of the topics of single sensors. Only the thread of the node can create publishers, so it follows the ingest
//! that finds the sensors.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use r2r::{Node, PublisherUntyped};

use super::publisher::{create_publisher, qos_profile};
use crate::config::CloudQos;
use crate::topic::{SensorSlot, SensorTopics, Topic};

/// Publishers of the sensors, created by the main thread and used by the one that publishes clouds. None is destroyed
/// before the node, because a publisher that is gone ends the thread that uses it.
#[derive(Default)]
pub(super) struct SensorPublishers {
    /// The mutex is free whenever it is needed: it stands in for a `Sync` that r2r's publishers lack.
    publishers: [OnceLock<Mutex<PublisherUntyped>>; SensorSlot::COUNT],
}

impl SensorPublishers {
    /// Uses the publisher of a sensor. `None` if there is none yet. A poisoned lock is recovered: the supervisor ends the
    /// process for the panic.
    pub(super) fn with_publisher<T>(
        &self,
        slot: SensorSlot,
        action: impl FnOnce(&PublisherUntyped) -> T,
    ) -> Option<T> {
        let publisher = self.publishers[slot.index()].get()?;
        Some(action(
            &publisher.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// Creates the publishers of new sensors.
pub(super) struct SensorPublisherFactory {
    publishers: Arc<SensorPublishers>,
    sensor_topics: Arc<SensorTopics>,
    qos: CloudQos,
    /// Number of sensors whose publisher has been created, or cannot be.
    settled: usize,
}

impl SensorPublisherFactory {
    pub(super) fn new(
        publishers: Arc<SensorPublishers>,
        sensor_topics: Arc<SensorTopics>,
        qos: CloudQos,
    ) -> Self {
        Self {
            publishers,
            sensor_topics,
            qos,
            settled: 0,
        }
    }

    /// Creates the publishers of the sensors that have come since the last call. Without its publisher, the clouds of a
    /// sensor have no subscriber.
    pub(super) fn create_missing(&mut self, node: &mut Node) {
        for (slot, sensor) in self.sensor_topics.iter().skip(self.settled) {
            self.settled += 1;
            let (name, id) = (sensor.name(), sensor.id());
            let profile = qos_profile(Topic::Raw, self.qos);
            match create_publisher(node, name, Topic::Raw.message_type(), profile) {
                Ok(publisher) => {
                    log::info!("{name}: RAW clouds of the sensor {id:?}");
                    self.publishers.publishers[slot.index()].get_or_init(|| publisher.into());
                }
                Err(error) => log::error!(
                    "{name} is off, and the clouds of the sensor {id:?} are on {} only: {error}; if the name is too long \
                     for ROS, shorten the namespace and restart the bridge",
                    Topic::Raw.name()
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use r2r::Context;

    /// Node in a namespace, and the publishers, sensors and factory of a bridge.
    fn fixture(
        namespace: &str,
    ) -> (
        Node,
        Arc<SensorPublishers>,
        Arc<SensorTopics>,
        SensorPublisherFactory,
    ) {
        let context = Context::create().expect("rcl");
        let node = Node::create(context, "sensor_publishers_test", namespace).expect("a node");
        let publishers: Arc<SensorPublishers> = Arc::default();
        let sensor_topics: Arc<SensorTopics> = Arc::default();
        let qos = CloudQos {
            reliable: true,
            depth: 5,
        };
        let factory =
            SensorPublisherFactory::new(Arc::clone(&publishers), Arc::clone(&sensor_topics), qos);
        (node, publishers, sensor_topics, factory)
    }

    #[test]
    fn each_sensor_gets_a_publisher_once_and_keeps_it() {
        let (mut node, publishers, sensor_topics, mut factory) = fixture("");
        let is_there = |slot| publishers.with_publisher(slot, |_| ()).is_some();
        factory.create_missing(&mut node);
        for number in 0..20 {
            let slot = sensor_topics.assign(format!("a#{number}").as_bytes());
            assert!(slot.is_none_or(|slot| !is_there(slot)));
            factory.create_missing(&mut node);
            assert!(slot.is_none_or(is_there));
        }
        assert!(SensorSlot::ALL.into_iter().all(is_there));
        assert_eq!(factory.settled, SensorSlot::COUNT);
        for slot in SensorSlot::ALL {
            let count = publishers.with_publisher(slot, |publisher| {
                publisher.get_inter_process_subscription_count()
            });
            assert!(matches!(count, Some(Ok(0))));
        }
    }

    #[test]
    fn a_sensor_whose_topic_rcl_refuses_costs_only_itself() {
        // The name of the topic gets too long with that of the namespace.
        let namespace = format!("/{}", "n".repeat(200));
        let (mut node, publishers, sensor_topics, mut factory) = fixture(&namespace);
        let long = sensor_topics.assign(format!("a#{}", "b".repeat(60)).as_bytes());
        let short = sensor_topics.assign(b"a#b");
        factory.create_missing(&mut node);
        let is_there = |slot: Option<SensorSlot>| {
            publishers
                .with_publisher(slot.expect("free"), |_| ())
                .is_some()
        };
        assert!(!is_there(long) && is_there(short));
    }
}
