//! Reader of the frames of a bag.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ros_bag::{Entry, ReadEnd, Topic};

use super::bag_error::BagError;
use super::is_wire;
use super::topics;
use super::wire_frame::{Link, WireFrame};

/// Recorded frame to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordedFrame {
    /// Arrival time, nanoseconds since 1970.
    pub stamp_ns: i64,
    pub link: Link,
    pub data: Bytes,
}

/// Bag that has frames.
#[derive(Debug)]
pub(super) struct Bag {
    path: PathBuf,
    splits: Vec<PathBuf>,
    topic: String,
    /// True if the topic was requested, so that ignoring other topics with frames is intended.
    topic_was_requested: bool,
}

impl Bag {
    /// Opens the files and chooses the topic. `topic` selects among several with frames.
    pub(super) fn open(path: &Path, topic: Option<&str>) -> Result<Self, BagError> {
        let splits = ros_bag::list_splits(path)?;
        for split in &splits.lost {
            let (file, reason) = (split.path.display(), split.reason);
            log::warn!("{file} {reason}: the rest of the bag is played without it");
        }
        let splits = splits.readable;
        let chosen = topics::choose_topic(path, &splits, topic)?;
        let bag = Self {
            path: path.to_owned(),
            splits,
            topic: chosen,
            topic_was_requested: topic.is_some(),
        };
        bag.require_frames()?;
        let (topic, files) = (&bag.topic, bag.splits.len());
        log::info!("{}: {topic} in {files} file(s)", path.display());
        Ok(bag)
    }

    /// Reads up to the first frame, so that a bag without frames is refused before a client waits for it.
    fn require_frames(&self) -> Result<(), BagError> {
        let mut pass = Pass::new(self, false);
        for split in &self.splits {
            if pass
                .play_split(split, &mut |_| ControlFlow::Break(()))?
                .is_break()
            {
                return Ok(());
            }
        }
        Err(pass.no_frames_error())
    }

    /// Passes every frame in the order of recording to `sink`, until it breaks. `repeat`: again and again.
    pub(super) fn play_frames(
        &self,
        repeat: bool,
        mut sink: impl FnMut(RecordedFrame) -> ControlFlow<()>,
    ) -> Result<(), BagError> {
        let mut is_first = true;
        loop {
            let mut pass = Pass::new(self, is_first);
            for split in &self.splits {
                if pass.play_split(split, &mut sink)?.is_break() {
                    return Ok(());
                }
            }
            pass.log_summary()?;
            if !repeat {
                return Ok(());
            }
            is_first = false;
        }
    }
}

/// One pass through the bag.
struct Pass<'a> {
    bag: &'a Bag,
    /// True for the first pass, which logs warnings; later passes would only repeat them.
    is_first: bool,
    frames: u64,
    broken: u64,
    gaps: SequenceGaps,
}

impl<'a> Pass<'a> {
    fn new(bag: &'a Bag, is_first: bool) -> Self {
        Self {
            bag,
            is_first,
            frames: 0,
            broken: 0,
            gaps: SequenceGaps::default(),
        }
    }

    fn play_split(
        &mut self,
        split: &Path,
        sink: &mut impl FnMut(RecordedFrame) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, BagError> {
        let mut all_bytes = 0;
        let ended = ros_bag::read_entries(split, |entry, read_bytes| {
            all_bytes = read_bytes;
            match entry {
                Entry::Topic(topic) => self.warn_of_other_topic(topic),
                Entry::Message(message) if self.is_played(message.topic) => {
                    let frame = self.decode_frame(message.data);
                    return frame.map_or(ControlFlow::Continue(()), &mut *sink);
                }
                Entry::Message(_) => {}
            }
            ControlFlow::Continue(())
        })?;
        match ended {
            ReadEnd::Stopped => return Ok(ControlFlow::Break(())),
            ReadEnd::Early(error) if self.is_first => log::warn!(
                "{} ends early, as if the recorder had been killed: the part before is played ({error}, {all_bytes} bytes \
                 read)",
                split.display()
            ),
            ReadEnd::Early(_) | ReadEnd::Whole => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn is_played(&self, topic: &Topic) -> bool {
        is_wire(topic) && topic.name == self.bag.topic
    }

    /// Warns of another topic with frames, which was not found before because the file has no summary.
    fn warn_of_other_topic(&self, topic: &Topic) {
        let is_expected = self.bag.topic_was_requested || !self.is_first;
        if is_wire(topic) && !is_expected && !self.is_played(topic) {
            let (other, played) = (&topic.name, &self.bag.topic);
            log::warn!("{other} also has frames, but {played} is played: choose with --topic");
        }
    }

    fn decode_frame(&mut self, message: &[u8]) -> Option<RecordedFrame> {
        match WireFrame::decode(message) {
            Ok(frame) => {
                self.frames += 1;
                self.gaps.record(frame.link, frame.sequence);
                Some(RecordedFrame {
                    stamp_ns: frame.stamp_ns,
                    link: frame.link,
                    data: Bytes::copy_from_slice(frame.data),
                })
            }
            Err(error) => {
                if self.broken == 0 && self.is_first {
                    let bytes = message.len();
                    log::warn!("skipping a message of {bytes} bytes that is not a frame: {error}");
                }
                self.broken += 1;
                None
            }
        }
    }

    fn no_frames_error(&self) -> BagError {
        BagError::NoFrames {
            path: self.bag.path.clone(),
            topic: self.bag.topic.clone(),
            broken: self.broken,
        }
    }

    /// Logs the number of frames and problems; an error if there were no frames.
    fn log_summary(&self) -> Result<(), BagError> {
        let (frames, broken) = (self.frames, self.broken);
        if frames == 0 {
            return Err(self.no_frames_error());
        }
        if !self.is_first {
            return Ok(());
        }
        log::info!("the bag has {frames} frames");
        if broken > 0 {
            log::warn!("{broken} messages of the bag are not frames and were skipped");
        }
        let missing = self.gaps.missing;
        if missing > 0 {
            log::warn!("{missing} frames were not recorded: the sequence numbers have gaps");
        }
        Ok(())
    }
}

/// Detector of frames that were not recorded.
#[derive(Debug, Default)]
struct SequenceGaps {
    /// Next sequence number of each link.
    next: [Option<u64>; 2],
    missing: u64,
}

impl SequenceGaps {
    /// Records a sequence number. A lower one than expected is a restart of the bridge.
    fn record(&mut self, link: Link, number: u64) {
        let next = &mut self.next[usize::from(link == Link::Output)];
        let expected = next.unwrap_or(number);
        let skipped = number.saturating_sub(expected);
        self.missing = self.missing.saturating_add(skipped);
        *next = Some(number.saturating_add(1));
    }
}

#[cfg(test)]
mod tests;
