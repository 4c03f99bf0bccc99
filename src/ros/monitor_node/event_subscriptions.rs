//! Subscriptions to the events of one bridge, which exist only while they disturb nothing.
//!
//! A bridge holds its first events until a recorder has subscribed. A subscription of the monitor would end this hold
//! early, so there is none during the first seconds of a bridge, and none that a bridge finds when it is started again.

use std::time::Duration;

use r2r::sensr_bridge::msg::{LosingEvent, RecalibrationEvent, ZoneEvent};
use r2r::{Context, Node, QosProfile, WrappedTypesupport};

use super::graph::{self, Publishers, absolute};
use super::messages;
use crate::monitor::sample::EventSample;
use crate::ros::RuntimeError;
use crate::ros::subscription::Subscription;
use crate::topic::Topic;

/// Time since the start of a bridge before which nothing is subscribed: its longest hold of 20 s and a margin.
const MIN_UPTIME: Duration = Duration::from_secs(25);
/// Name of the node that subscribes.
const NODE_NAME: &str = "sensr_monitor_events";
/// History of each subscription, messages: a burst between two turns of the main loop.
const DEPTH: usize = 1000;
/// Most messages of one topic that are taken in one turn.
const MAX_PER_TURN: usize = 200;

/// Events of one bridge.
pub(super) struct EventSubscriptions {
    namespace: String,
    open: Option<Open>,
}

/// Subscriptions with a node of their own: r2r ends a subscription at once only together with its node.
struct Open {
    zone: Subscription<ZoneEvent>,
    losing: Subscription<LosingEvent>,
    recalibration: Subscription<RecalibrationEvent>,
    /// Publishers of the bridge's statistics when they were opened.
    publishers: Publishers,
    node: Node,
}

impl EventSubscriptions {
    pub(super) fn new(namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            open: None,
        }
    }

    /// Takes the uptime in new statistics: subscribes to a bridge that has run for a while.
    pub(super) fn on_statistics(
        &mut self,
        node: &Node,
        context: &Context,
        uptime: Duration,
    ) -> Result<(), RuntimeError> {
        if uptime < MIN_UPTIME {
            self.open = None;
        } else if self.open.is_none() {
            let publishers = graph::bridge_publishers(node, &self.namespace);
            self.open = Some(Open::create(context, &self.namespace, publishers)?);
        }
        Ok(())
    }

    /// Takes the events that have arrived, and unsubscribes if the bridge has gone or another run of it has come.
    pub(super) fn poll(&mut self, node: &Node) -> Vec<EventSample> {
        let Some(open) = &mut self.open else {
            return Vec::new();
        };
        let events = open.take_events();
        let publishers = graph::bridge_publishers(node, &self.namespace);
        if publishers.is_empty() || !publishers.is_subset(&open.publishers) {
            self.open = None;
        }
        events
    }
}

impl Open {
    fn create(
        context: &Context,
        namespace: &str,
        publishers: Publishers,
    ) -> Result<Self, RuntimeError> {
        let mut node = Node::create(context.clone(), NODE_NAME, "")
            .map_err(RuntimeError::ros("create the node for events"))?;
        Ok(Self {
            zone: subscribe(&mut node, namespace, Topic::ZoneEvents)?,
            losing: subscribe(&mut node, namespace, Topic::LosingEvents)?,
            recalibration: subscribe(&mut node, namespace, Topic::RecalibrationEvents)?,
            publishers,
            node,
        })
    }

    fn take_events(&mut self) -> Vec<EventSample> {
        let mut events = Vec::new();
        for _ in 0..MAX_PER_TURN {
            // Takes one message of each topic.
            self.node.spin_once(Duration::ZERO);
            let before = events.len();
            events.extend(self.zone.next().as_ref().map(messages::zone_event));
            events.extend(self.losing.next().as_ref().map(messages::losing_event));
            let recalibration = self.recalibration.next();
            events.extend(recalibration.as_ref().map(messages::recalibration_event));
            if events.len() == before {
                break;
            }
        }
        events
    }
}

fn subscribe<T: WrappedTypesupport + 'static>(
    node: &mut Node,
    namespace: &str,
    topic: Topic,
) -> Result<Subscription<T>, RuntimeError> {
    let qos = QosProfile::default().best_effort().volatile();
    Subscription::create(
        node,
        &absolute(namespace, topic.name()),
        qos.keep_last(DEPTH),
    )
}
