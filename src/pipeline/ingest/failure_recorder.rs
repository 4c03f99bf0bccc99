//! Counts and log lines of what does not decode: frames, parts of messages, and texts.

use std::fmt::Display;

use super::warn_throttled;
use crate::connection::status::LinkStatus;
use crate::pipeline::LOG_PERIOD;
use crate::time::log_throttle::LogThrottle;
use sensr_protocol::decode_failures::DecodeFailures;

/// Records decoding failures of one link.
#[derive(Debug)]
pub(in crate::pipeline) struct FailureRecorder {
    frames: LogThrottle,
    parts: LogThrottle,
    texts: LogThrottle,
}

impl Default for FailureRecorder {
    fn default() -> Self {
        let throttle = || LogThrottle::new(LOG_PERIOD);
        Self {
            frames: throttle(),
            parts: throttle(),
            texts: throttle(),
        }
    }
}

impl FailureRecorder {
    /// Records a frame that is no message.
    pub(super) fn record_frame(&mut self, link: &LinkStatus, error: &impl Display) {
        link.update(|figures| figures.undecodable_frames += 1);
        warn_throttled(&mut self.frames, || error.to_string());
    }

    /// Records the failures of a decoded message. `malformed` of the parts are in accounts of the ledger and not
    /// counted here.
    pub(in crate::pipeline) fn record_parts(
        &mut self,
        link: &LinkStatus,
        failures: &DecodeFailures,
        malformed: u64,
    ) {
        count_parts(link, failures.count() - malformed);
        if failures.count() > 0 {
            warn_throttled(&mut self.parts, || failures.to_string());
        }
        let texts = failures.texts();
        if texts.count() > 0 {
            link.update(|figures| figures.invalid_texts += texts.count());
            warn_throttled(&mut self.texts, || texts.to_string());
        }
    }
}

/// Counts parts of messages that were lost alone.
pub(in crate::pipeline) fn count_parts(link: &LinkStatus, parts: u64) {
    if parts > 0 {
        link.update(|figures| figures.undecodable_parts += parts);
    }
}
