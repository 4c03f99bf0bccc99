//! Decoding of queued objects: once per message, and only if a topic has a subscriber.

use crate::encode::messages::ObjectSet;
use crate::encode::point_cloud::has_whole_points;
use crate::metrics::StreamMetrics;
use crate::pipeline::ingest::failure_recorder::{FailureRecorder, count_parts};
use crate::pipeline::queued_output::DueObjects;
use sensr_protocol::decode_failures::DecodeFailures;
use sensr_protocol::objects::{ObjectBuffer, ObjectParts};
use sensr_protocol::wire::proto::Object;

/// Decodes the objects of one message after the other, into reused memory.
#[derive(Debug, Default)]
pub(super) struct ObjectDecoder {
    objects: DecodedList,
    static_objects: DecodedList,
    failures: FailureRecorder,
}

impl ObjectDecoder {
    /// Decodes the objects of a message, unless that has been done, and counts what fails.
    pub(super) fn decode(&mut self, due: &DueObjects, stream: &StreamMetrics) -> ObjectSet<'_> {
        let Self {
            objects,
            static_objects,
            failures,
        } = self;
        ObjectSet {
            objects: objects.decode(&due.objects, stream, failures),
            static_objects: static_objects.decode(&due.static_objects, stream, failures),
            first_cloud_arrival: due.first_cloud_arrival,
        }
    }

    /// Decodes the static objects of a message only.
    pub(super) fn decode_static_objects(
        &mut self,
        due: &DueObjects,
        stream: &StreamMetrics,
    ) -> &[Object] {
        self.static_objects
            .decode(&due.static_objects, stream, &mut self.failures)
    }

    /// Ends a message, whose frame is no longer kept alive.
    pub(super) fn finish_message(&mut self) {
        self.objects.clear();
        self.static_objects.clear();
    }
}

/// One list of objects.
#[derive(Debug, Default)]
struct DecodedList {
    buffer: ObjectBuffer,
    is_decoded: bool,
}

impl DecodedList {
    fn decode(
        &mut self,
        parts: &ObjectParts,
        stream: &StreamMetrics,
        recorder: &mut FailureRecorder,
    ) -> &[Object] {
        if !std::mem::replace(&mut self.is_decoded, true) && !parts.is_empty() {
            let mut failures = DecodeFailures::default();
            let objects = self.buffer.decode(parts, &mut failures);
            let broken = objects.iter().filter(|object| !has_whole_points(object));
            count_parts(&stream.link, broken.count() as u64);
            recorder.record_parts(&stream.link, &failures, 0);
        }
        self.buffer.as_slice()
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.is_decoded) {
            self.buffer.clear();
        }
    }
}
