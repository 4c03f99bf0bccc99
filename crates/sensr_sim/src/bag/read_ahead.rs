//! Thread that reads a bag ahead of its playback.

use std::ops::ControlFlow;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::bag_error::BagError;
use super::reader::{Bag, RecordedFrame};
use crate::SimError;

/// Capacity of the read-ahead, unless a single frame is larger.
const AHEAD_BYTES: u32 = 64 << 20;

/// Overhead of a frame besides its bytes.
const FRAME_BYTES: usize = 128;

/// Frames that were read ahead, bounded in bytes.
///
/// Overflow policy: the reading thread waits; nothing is dropped. Dropping the receiver ends the thread.
#[derive(Debug)]
pub(super) struct ReadAhead {
    frames: mpsc::UnboundedReceiver<(RecordedFrame, OwnedSemaphorePermit)>,
    /// Bytes that may still be read.
    space: Arc<Semaphore>,
    /// Reading thread; `None` after its end.
    thread: Option<JoinHandle<Result<(), BagError>>>,
}

impl ReadAhead {
    /// Starts the reading thread.
    pub(super) fn start(bag: Bag, repeat: bool) -> Self {
        Self::with_limit(bag, repeat, AHEAD_BYTES)
    }

    fn with_limit(bag: Bag, repeat: bool, limit_bytes: u32) -> Self {
        // Bounded by the semaphore.
        let (sender, frames) = mpsc::unbounded_channel();
        let space = Arc::new(Semaphore::new(limit_bytes as usize));
        let permits = Arc::clone(&space);
        let send = move |frame: RecordedFrame| {
            let bytes = frame.data.len().saturating_add(FRAME_BYTES);
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(limit_bytes);
            let permit = Arc::clone(&permits).acquire_many_owned(bytes);
            // Closed: the receiver was dropped.
            let sent = futures::executor::block_on(permit)
                .is_ok_and(|permit| sender.send((frame, permit)).is_ok());
            if sent {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let thread = tokio::task::spawn_blocking(move || bag.play_frames(repeat, send));
        Self {
            frames,
            space,
            thread: Some(thread),
        }
    }

    /// Returns the next frame, `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<RecordedFrame>, SimError> {
        if let Some((frame, _room)) = self.frames.recv().await {
            return Ok(Some(frame));
        }
        if let Some(thread) = self.thread.take() {
            let ended = thread.await.map_err(|error| SimError::Task {
                part: "reading the bag",
                reason: error.to_string(),
            })?;
            ended?;
        }
        Ok(None)
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.space.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, Folder, Layout, Recording};
    use super::*;

    fn bag(folder: &Folder) -> Bag {
        let file = folder.join("x.mcap");
        Recording::new(&[], &["/wire"]).write(&file, Layout::Plain);
        Bag::open(&file, None).expect("a bag")
    }

    #[tokio::test]
    async fn at_least_one_frame_is_read_ahead_and_none_is_lost() {
        let folder = Folder::new();
        for limit_bytes in [1, 1000, 1 << 20] {
            let mut ahead = ReadAhead::with_limit(bag(&folder), false, limit_bytes);
            let mut number = 0;
            while let Some(frame) = ahead.next().await.expect("readable") {
                assert_eq!(frame.data, fixture::frame_data(number));
                number += 1;
            }
            assert_eq!(number, fixture::FRAMES);
            assert_eq!(ahead.next().await.expect("still over"), None);
        }
    }

    #[tokio::test]
    async fn thread_waits_when_the_read_ahead_is_full_and_ends_when_it_is_dropped() {
        let folder = Folder::new();
        let mut ahead = ReadAhead::with_limit(bag(&folder), true, 1000);
        ahead.next().await.expect("readable").expect("endless");
        while ahead.space.available_permits() >= FRAME_BYTES {
            tokio::task::yield_now().await;
        }
        let waiting = ahead.frames.len();
        assert!(waiting * FRAME_BYTES <= 1000, "{waiting} frames");
        let thread = ahead.thread.take().expect("endless");
        drop(ahead);
        thread.await.expect("no panic").expect("readable");
    }

    #[tokio::test]
    async fn error_is_returned_after_the_frames() {
        let folder = Folder::new();
        let bag = bag(&folder);
        std::fs::remove_file(folder.join("x.mcap")).expect("removed");
        let mut ahead = ReadAhead::start(bag, false);
        let error = ahead.next().await.expect_err("gone").to_string();
        assert!(error.contains("x.mcap"), "{error}");
    }
}
