//! Reading of messages by the types that the recording defines.

use std::sync::Arc;

use ros_bag::{Message, MessageType, Topic, TypeCache, Value, read_message};

use super::error::Error;
use super::recording::Recording;
use super::selection::TimeRange;

/// Form of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// That of its type, with values that make sense.
    Valid,
    /// Another one: the message is left out.
    Damaged,
}

/// Passes the values of the messages within the range that `is_wanted` chooses to `visit`, in the order of recording. Warns
/// of damaged messages at the end.
pub(crate) fn read_values(
    recording: &Recording,
    range: TimeRange,
    is_wanted: impl Fn(&Message<'_>) -> bool,
    mut visit: impl FnMut(&Message<'_>, &Value<'_>) -> Result<Form, Error>,
) -> Result<(), Error> {
    let mut types = TypeCache::default();
    let mut damaged = Damaged::default();
    recording.read(range, |message| {
        if !is_wanted(message) {
            return Ok(());
        }
        let kind = type_of(&mut types, message.topic)?;
        let form = match read_message(&kind, message.data) {
            Ok(value) => visit(message, &value)?,
            Err(_) => Form::Damaged,
        };
        if form == Form::Damaged {
            damaged.count(message);
        }
        Ok(())
    })?;
    damaged.warn();
    Ok(())
}

/// Returns whether a message is on one of these topics.
pub(crate) fn is_on(topics: &[Topic]) -> impl Fn(&Message<'_>) -> bool + '_ {
    |message| topics.iter().any(|topic| topic.name == message.topic.name)
}

/// Returns the type of a topic's messages, which must have fields.
pub(crate) fn type_of(types: &mut TypeCache, topic: &Topic) -> Result<Arc<MessageType>, Error> {
    let failure = |reason: String| Error::Type {
        topic: topic.name.clone(),
        reason,
    };
    if topic.encoding != "cdr" {
        let encoding = &topic.encoding;
        return Err(failure(format!(
            "the message encoding is {encoding:?}, not \"cdr\""
        )));
    }
    let kind = types
        .type_of(topic)
        .map_err(|error| failure(error.to_string()))?;
    if kind.fields.is_empty() {
        let reason = "the recording has no definition of its type as .msg text: record it again, or convert the bag with a \
                      sourced ROS 2";
        return Err(failure(reason.to_owned()));
    }
    Ok(kind)
}

/// Messages that cannot be read.
#[derive(Debug, Default)]
struct Damaged {
    count: u64,
    first: Option<String>,
}

impl Damaged {
    fn count(&mut self, message: &Message<'_>) {
        self.count += 1;
        self.first.get_or_insert_with(|| message.topic.name.clone());
    }

    fn warn(&self) {
        if let (count, Some(topic)) = (self.count, &self.first) {
            log::warn!(
                "{count} messages do not have the form that the recording defines for them, the first one on {topic}: they \
                 are left out"
            );
        }
    }
}
