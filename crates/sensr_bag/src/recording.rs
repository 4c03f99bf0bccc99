//! Recordings: their splits, topics and messages, with the progress of reading them.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ros_bag::{Entry, LostSplit, Message, ReadEnd, Topic};

use super::arguments::{Bag, Source};
use super::error::Error;
use super::selection::{TimeRange, is_meant};

/// Recording with the files that can be read.
#[derive(Debug)]
pub(crate) struct Recording {
    pub path: PathBuf,
    pub splits: Vec<PathBuf>,
    pub lost: Vec<LostSplit>,
    is_quiet: bool,
    /// All topics, once they have been listed.
    topics: OnceCell<BTreeSet<Topic>>,
}

/// State of a split after reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SplitState {
    pub path: PathBuf,
    pub bytes: u64,
    pub messages: u64,
    /// Reason why the rest of the file cannot be read.
    pub end: Option<String>,
}

impl Recording {
    /// Opens a recording, and warns of files that are missing.
    pub(crate) fn open(bag: &Bag) -> Result<Self, Error> {
        let path = &bag.path;
        let splits = ros_bag::list_splits(path)?;
        for split in &splits.lost {
            let (file, reason) = (split.path.display(), split.reason);
            log::warn!("{file} {reason}: the rest of the recording is read without it");
        }
        Ok(Self {
            path: path.clone(),
            splits: splits.readable,
            lost: splits.lost,
            is_quiet: bag.quiet,
            topics: OnceCell::new(),
        })
    }

    /// Returns all topics, in the order of their names.
    pub(crate) fn all_topics(&self) -> Result<&BTreeSet<Topic>, Error> {
        if let Some(topics) = self.topics.get() {
            return Ok(topics);
        }
        let mut topics = BTreeSet::new();
        for split in &self.splits {
            topics.extend(ros_bag::list_topics(split, |_| false)?);
        }
        Ok(self.topics.get_or_init(|| topics))
    }

    /// Returns all topics for which `is_sought` holds and that the names mean, in the order of their names. Fails if there
    /// are none; `wanted` describes what the command reads.
    pub(crate) fn topics(
        &self,
        names: &[String],
        wanted: &str,
        is_sought: impl Fn(&Topic) -> bool,
    ) -> Result<Vec<Topic>, Error> {
        let topics = self.all_topics()?;
        let is_named = |topic: &Topic, name: &String| is_meant(&topic.name, name);
        let missing = |wanted: String| {
            let mut described: Vec<String> = topics
                .iter()
                .map(|topic| format!("{} of {}", topic.name, topic.kind))
                .collect();
            described.dedup();
            Error::NoTopic {
                path: self.path.clone(),
                wanted,
                topics: match described.as_slice() {
                    [] => "it has none at all".to_owned(),
                    list => format!("it has {}", list.join(", ")),
                },
            }
        };
        let found: Vec<Topic> = topics
            .iter()
            .filter(|topic| is_sought(topic))
            .cloned()
            .collect();
        for name in names {
            if !found.iter().any(|topic| is_named(topic, name)) {
                return Err(missing(format!("{name} {wanted}").trim_end().to_owned()));
            }
        }
        let mut chosen = found;
        chosen.retain(|topic| names.is_empty() || names.iter().any(|name| is_named(topic, name)));
        if chosen.is_empty() {
            return Err(missing(wanted.to_owned()));
        }
        Ok(chosen)
    }

    /// Returns the range of times that the arguments mean.
    pub(crate) fn range(&self, source: &Source) -> Result<TimeRange, Error> {
        let mut range = TimeRange::ALL;
        if source.from.is_none() && source.to.is_none() {
            return Ok(range);
        }
        let start_ns = self.start_ns()?;
        if let Some(from) = source.from {
            range.from_ns = from.resolve(start_ns);
        }
        if let Some(to) = source.to {
            range.to_ns = to.resolve(start_ns);
        }
        if range.from_ns >= range.to_ns {
            let text = "--from must be before --to".to_owned();
            return Err(Error::Argument(text));
        }
        Ok(range)
    }

    /// Returns the time of the first message; 0 if there is none.
    fn start_ns(&self) -> Result<u64, Error> {
        let mut start_ns = 0;
        self.read_until(|message| {
            start_ns = message.recorded_ns;
            true
        })?;
        Ok(start_ns)
    }

    /// Passes the messages to `visit`, in the order of recording, until it returns true.
    pub(crate) fn read_until(
        &self,
        mut visit: impl FnMut(&Message<'_>) -> bool,
    ) -> Result<(), Error> {
        for split in &self.splits {
            let end = read_split(split, |message, _| {
                if visit(message) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if matches!(end, ReadEnd::Stopped) {
                break;
            }
        }
        Ok(())
    }

    /// Passes the messages within the range to `visit`, in the order of recording, until it fails.
    pub(crate) fn read(
        &self,
        range: TimeRange,
        mut visit: impl FnMut(&Message<'_>) -> Result<(), Error>,
    ) -> Result<Vec<SplitState>, Error> {
        let sizes: Vec<u64> = self.splits.iter().map(|split| file_bytes(split)).collect();
        let progress = Progress::new(sizes.iter().sum(), self.is_quiet);
        let mut before = 0;
        let mut states = Vec::new();
        for (path, bytes) in self.splits.iter().zip(sizes) {
            let mut messages = 0;
            let mut failure = None;
            let mut read = 0;
            let end = read_split(path, |message, read_bytes| {
                read = read_bytes;
                progress.set(before + read_bytes);
                if range.contains(message.recorded_ns) {
                    messages += 1;
                    if let Err(error) = visit(message) {
                        failure = Some(error);
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            })?;
            if let Some(error) = failure {
                return Err(error);
            }
            before += bytes;
            let end = match end {
                ReadEnd::Early(error) => Some(format!("{error}, {read} of {bytes} bytes read")),
                ReadEnd::Whole | ReadEnd::Stopped => None,
            };
            states.push(SplitState {
                path: path.clone(),
                bytes,
                messages,
                end,
            });
        }
        drop(progress);
        for state in &states {
            if let Some(reason) = &state.end {
                let file = state.path.display();
                log::warn!(
                    "{file} ends early, as if the recorder had been killed: what comes before was read ({reason}); \
                     sensr_recorder makes it whole at its next start"
                );
            }
        }
        Ok(states)
    }
}

/// Passes the messages of a file to `visit`, with the number of bytes read so far.
fn read_split(
    path: &Path,
    mut visit: impl FnMut(&Message<'_>, u64) -> ControlFlow<()>,
) -> Result<ReadEnd, Error> {
    let end = ros_bag::read_entries(path, |entry, read_bytes| match entry {
        Entry::Message(message) => visit(&message, read_bytes),
        Entry::Topic(_) => ControlFlow::Continue(()),
    })?;
    Ok(end)
}

fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Progress of reading, on terminals.
struct Progress(ProgressBar);

impl Progress {
    fn new(bytes: u64, is_quiet: bool) -> Self {
        let target = if is_quiet {
            ProgressDrawTarget::hidden()
        } else {
            // Hidden as well if it is no terminal.
            ProgressDrawTarget::stderr_with_hz(5)
        };
        let bar = ProgressBar::with_draw_target(Some(bytes), target);
        let style =
            "{bar:30} {percent:>3} %  {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self(bar)
    }

    fn set(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
