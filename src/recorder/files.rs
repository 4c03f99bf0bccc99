//! Thread with all access to the file system: a disk that hangs must not stop the node.

mod cleanup;
mod live;
mod open_bag;
mod output_folder;
mod repairs;
mod tasks;
mod worker;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::account::PublishedCounts;
use super::disk::DiskSpace;
use super::features::RecorderFeatures;
use super::report::TopicReport;
use crate::config::RecorderConfig;

pub(super) use open_bag::OpenSplit;
use repairs::Repairs;
use worker::Worker;

/// Largest number of statistics that wait for the thread. More are left out; the accounts need no particular one.
const MAX_WAITING: usize = 64;

/// Limits of the thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct FilesTimes {
    /// Time between two looks at the open bag and the disk.
    pub(super) look: Duration,
    /// Time between two scans of all bags.
    pub(super) scan: Duration,
    /// Time that the stock recorder has to complete a split after it has opened the next.
    pub(super) completion: Duration,
}

impl Default for FilesTimes {
    fn default() -> Self {
        Self {
            look: Duration::from_millis(500),
            scan: Duration::from_secs(10),
            completion: Duration::from_secs(60),
        }
    }
}

/// Settings of the thread.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// Configuration.
    pub(super) config: RecorderConfig,
    /// Namespace of the bridge.
    pub(super) namespace: String,
    /// Options of the installed stock recorder.
    pub(super) features: RecorderFeatures,
    /// Folder for the files that the stock recorder reads.
    pub(super) settings_dir: PathBuf,
    /// Limits.
    pub(super) times: FilesTimes,
}

/// Request to the thread.
#[derive(Debug)]
pub(super) enum Request {
    /// Another configuration applies from now on.
    Configure(Box<RecorderConfig>),
    /// A bag is to be begun. Answered by [`Event::Prepared`].
    Prepare,
    /// Counters of the bridge.
    Statistics(PublishedCounts),
    /// The files are to be read again without delay.
    Refresh,
    /// The stock recorder has ended. If not in order, its bag may be incomplete.
    BagEnded {
        /// True if it has closed its bag.
        is_in_order: bool,
        /// True if the recording is paused from now on.
        is_paused: bool,
    },
    /// Everything is to be completed. Answered by [`Event::Finished`].
    Finish {
        /// Time after which the rest is left to the next start.
        deadline: Instant,
    },
}

/// Report of the thread.
#[derive(Debug)]
pub(super) enum Event {
    /// A bag can be begun, or the reason why not.
    Prepared(Result<Prepared, String>),
    /// State of the files, read again.
    Snapshot(Box<FilesSnapshot>),
    /// Everything is complete.
    Finished,
}

/// Bag that can be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prepared {
    /// Folder of the bag, which does not exist yet.
    pub(super) bag: PathBuf,
    /// Arguments of `ros2`.
    pub(super) arguments: Vec<OsString>,
}

/// State of the files.
#[derive(Debug, Clone)]
pub(super) struct FilesSnapshot {
    /// Time at which the open bag was read.
    pub(super) at: Instant,
    /// Open bag.
    pub(super) bag: Option<BagSnapshot>,
    /// Number of splits opened since the start.
    pub(super) splits_opened: u64,
    /// Space of the disk. `None` if it is not known.
    pub(super) disk: Option<DiskSpace>,
    /// Floor of free space, bytes.
    pub(super) floor_bytes: u64,
    /// Reason, with the cure, why there is no room to record.
    pub(super) full: Option<String>,
    /// Number of closed splits.
    pub(super) closed_splits: u64,
    /// Their size.
    pub(super) closed_bytes: u64,
    /// Number of splits deleted since the start.
    pub(super) deleted_splits: u64,
    /// Their size.
    pub(super) deleted_bytes: u64,
    /// Bytes written per second.
    pub(super) bytes_per_second: f64,
    /// Time until the floor is reached.
    pub(super) time_left: Option<Duration>,
    /// Sum of the missing messages.
    pub(super) missing: u64,
    /// File name of the last split whose account was taken.
    pub(super) last_split: String,
    /// Accounts by topic.
    pub(super) topics: Vec<TopicReport>,
}

impl FilesSnapshot {
    /// State of the files before anything is known.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            at: now,
            bag: None,
            splits_opened: 0,
            disk: None,
            floor_bytes: 0,
            full: None,
            closed_splits: 0,
            closed_bytes: 0,
            deleted_splits: 0,
            deleted_bytes: 0,
            bytes_per_second: 0.0,
            time_left: None,
            missing: 0,
            last_split: String::new(),
            topics: Vec::new(),
        }
    }
}

/// State of the open bag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BagSnapshot {
    /// Folder.
    pub(super) folder: PathBuf,
    /// Open split, if there is one yet.
    pub(super) split: Option<OpenSplit>,
    /// Reason, with the cure, why the bag cannot be continued.
    pub(super) problem: Option<String>,
}

/// Handle of the thread.
#[derive(Debug)]
pub(super) struct Files {
    requests: Sender<Request>,
    events: Receiver<Event>,
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts the thread.
    pub(super) fn spawn(setup: Setup) -> io::Result<Self> {
        let (requests, requests_receiver) = mpsc::channel();
        let (events_sender, events) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let taken = Arc::clone(&waiting);
        let repairs = Repairs::spawn()?;
        let thread = std::thread::Builder::new()
            .name("sensr-files".to_owned())
            .spawn(move || {
                Worker::new(setup, events_sender, repairs).run(&requests_receiver, &taken);
            })?;
        Ok(Self {
            requests,
            events,
            waiting,
            thread: Some(thread),
        })
    }

    /// Sends a request.
    pub(super) fn send(&self, request: Request) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // After the end of the thread `try_next` tells.
        drop(self.requests.send(request));
    }

    /// Sends the counters of the bridge, unless the thread is too far behind.
    pub(super) fn send_statistics(&self, counts: PublishedCounts) {
        if self.waiting.load(Ordering::Relaxed) < MAX_WAITING {
            self.send(Request::Statistics(counts));
        }
    }

    /// Returns the next report, if there is one.
    ///
    /// # Panics
    ///
    /// If the thread has panicked, with the same message.
    pub(super) fn try_next(&mut self) -> Option<Event> {
        match self.events.try_recv() {
            Ok(event) => Some(event),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                    std::panic::resume_unwind(panic);
                }
                None
            }
        }
    }
}
