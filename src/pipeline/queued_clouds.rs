//! Item of the cloud queue: the due clouds of one frame.

use smallvec::SmallVec;

use super::ingest::wire_tap::TappedFrame;
use super::queues::Queued;
use super::stream_source::StreamSource;
use crate::encode::point_cloud::Cloud;
use crate::time::stamp::{Arrival, Stamp};
use crate::topic::{AnyTopic, SensorSlot, Topic};

/// Cloud with its topics.
#[derive(Debug)]
pub(in crate::pipeline) struct DueCloud {
    pub(in crate::pipeline) topic: Topic,
    /// Sensor whose topic the cloud goes to as well.
    pub(in crate::pipeline) sensor: Option<SensorSlot>,
    pub(in crate::pipeline) cloud: Cloud,
}

/// Clouds of one message. SENSR sends up to three, and more only while it calibrates.
pub(in crate::pipeline) type DueClouds = SmallVec<[DueCloud; 3]>;

/// Clouds of one message for the preview, whether or not their own topics are due.
pub(in crate::pipeline) type PreviewClouds = SmallVec<[Cloud; 3]>;

/// Clouds of one frame that are due, and those of the preview.
#[derive(Debug)]
pub struct QueuedClouds {
    pub(in crate::pipeline) source: StreamSource,
    pub(in crate::pipeline) arrival: Arrival,
    /// Stamp of the headers.
    pub(in crate::pipeline) stamp: Stamp,
    pub(in crate::pipeline) wire: Option<TappedFrame>,
    pub(in crate::pipeline) clouds: DueClouds,
    /// Clouds of the preview. Empty if it is not due.
    pub(in crate::pipeline) preview: PreviewClouds,
}

impl QueuedClouds {
    /// Bytes that the item occupies while it waits: its clouds keep the whole frame of `frame_bytes` alive.
    pub(in crate::pipeline) fn cost(&self, frame_bytes: usize) -> usize {
        let mut bytes = frame_bytes + size_of::<Self>();
        if self.clouds.spilled() {
            bytes += self.clouds.capacity() * size_of::<DueCloud>();
        }
        if self.preview.spilled() {
            bytes += self.preview.capacity() * size_of::<Cloud>();
        }
        bytes
    }
}

impl DueCloud {
    /// Topics of the cloud.
    pub(in crate::pipeline) fn topics(&self) -> impl Iterator<Item = AnyTopic> + use<> {
        cloud_topics(self.topic, self.sensor)
    }
}

/// Returns the topics of a cloud of a sensor, if it is known.
pub(in crate::pipeline) fn cloud_topics(
    topic: Topic,
    sensor: Option<SensorSlot>,
) -> impl Iterator<Item = AnyTopic> {
    std::iter::once(topic.into()).chain(sensor.map(AnyTopic::from))
}

impl Queued for QueuedClouds {
    fn topics(&self) -> impl Iterator<Item = AnyTopic> {
        let wire = self.wire.iter().map(|_| Topic::Wire.into());
        let preview = (!self.preview.is_empty()).then_some(Topic::Preview.into());
        let clouds = self.clouds.iter().flat_map(DueCloud::topics);
        wire.chain(clouds).chain(preview)
    }
}
