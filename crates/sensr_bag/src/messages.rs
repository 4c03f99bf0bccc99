//! Types of recorded messages, and messages that do not have the form of their type.

use std::sync::Arc;

use ros_bag::{MessageType, Topic, TypeCache};

use super::error::Error;
use super::recording::Message;

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
pub(crate) struct Damaged {
    count: u64,
    first: Option<String>,
}

impl Damaged {
    pub(crate) fn count(&mut self, message: &Message<'_>) {
        self.count += 1;
        self.first.get_or_insert_with(|| message.topic.name.clone());
    }

    pub(crate) fn warn(&self) {
        if let (count, Some(topic)) = (self.count, &self.first) {
            log::warn!(
                "{count} messages do not have the form that the recording defines for them, the first one on {topic}: they \
                 are left out"
            );
        }
    }
}
