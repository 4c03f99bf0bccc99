"""Sends messages of the output stream one by one and compares everything that the bridge publishes for each."""

import time

from support import output_encoder
from support.expected_messages import ReferenceModel, differences, to_dict
from support.statistics_reader import link_of, topic_of
from support.topic_table import TOPICS as PUBLISHED
from support.two_links import TwoLinks

_WITH_CONTENTS = (
    "objects",
    "objects/detections",
    "objects/tracked",
    "points/objects",
    "zones",
    "events/zone",
    "events/losing",
    "events/recalibration",
    "health",
    "server_status",
)
#: Topics with the contents of SENSR's messages.
TOPICS = tuple(topic for topic in _WITH_CONTENTS if topic in PUBLISHED)
FRAME_ID = "site_7"


class Outcome:
    """Result of one message: ROS messages as dicts by topic, and the changes of the statistics."""

    def __init__(self, messages, before, after):
        self.messages = messages
        before_link, after_link = link_of(before, "output"), link_of(after, "output")
        self.undecodable_frames = after_link.undecodable_frames - before_link.undecodable_frames
        self.undecodable_parts = after_link.undecodable_parts - before_link.undecodable_parts
        self.invalid_texts = after_link.invalid_texts - before_link.invalid_texts
        malformed = {topic: topic_of(after, topic).malformed - topic_of(before, topic).malformed for topic in TOPICS}
        self.malformed = {topic: count for topic, count in malformed.items() if count}

    def __getitem__(self, topic):
        """Returns the only message on a topic."""
        (message,) = self.messages[topic]
        return message


class ScriptedOutput:
    """Bridge with a scripted output stream and a reference model of its messages."""

    def __init__(self, environment, **parameters):
        self._links = TwoLinks(environment, *TOPICS, parameters={"frame_id": FRAME_ID} | parameters)
        self._model = ReferenceModel(FRAME_ID)
        self._sent = 0
        self._before = self._links.statistics.wait_for_next()
        #: (message type, field) of fields that had another value than the default at least once.
        self.filled = set()
        #: Received message types by name, nested ones too.
        self.types = {}

    def send_and_compare(
        self, message, frame=None, generation=3, undecodable_parts=0, invalid_texts=0, malformed=None, **encoding
    ):
        """Sends a message and requires exactly the messages of the reference model, on every topic.

        If `frame` is given, it is sent, and `message` is its readable part.
        """
        if frame is None:
            frame = output_encoder.output(message, generation, **encoding)
        malformed = malformed or {}
        for topic, count in malformed.items():
            self._model.skip_events(topic, count)
        expected = self._model.topics(message, generation)
        outcome = self._exchange(frame)
        assert outcome.undecodable_frames == 0
        assert outcome.undecodable_parts == undecodable_parts
        assert outcome.invalid_texts == invalid_texts
        assert outcome.malformed == malformed
        for topic in TOPICS:
            assert differences(outcome.messages[topic], expected[topic], topic) == []
        return outcome

    def send_undecodable(self, frame):
        """Sends a frame for which the bridge must publish nothing. Returns the changes of the statistics."""
        outcome = self._exchange(frame)
        assert not any(outcome.messages.values()), outcome.messages
        return outcome

    @property
    def log(self):
        """The output of the bridge so far."""
        return self._links.bridge.log

    def _exchange(self, frame):
        links = self._links
        begins = {topic: links[topic].count for topic in TOPICS}
        begun_ns = time.time_ns()
        links.output.send(frame)
        self._sent += 1
        links.statistics.wait_for_link(lambda link: link.frames == self._sent, f"frame {self._sent}", "output")
        after = links.statistics.wait_until_settled()
        messages = {}
        for topic in TOPICS:
            count = topic_of(after, topic).published - topic_of(self._before, topic).published
            received = links[topic].wait(begins[topic] + count)
            assert len(received) == begins[topic] + count, f"more messages on {topic} than were published"
            messages[topic] = list(map(self._convert, received[begins[topic] :]))
        outcome = Outcome(messages, self._before, after)
        self._before = after
        self._require_stamps(outcome, begun_ns)
        return outcome

    def _convert(self, message):
        self._record_fields(message)
        return to_dict(message) if hasattr(message, "get_fields_and_field_types") else vars(message)

    def _record_fields(self, message):
        if not hasattr(message, "get_fields_and_field_types"):
            return
        kind = type(message)
        self.types[kind.__name__] = kind
        for name in message.get_fields_and_field_types():
            value = getattr(message, name)
            if to_dict(value) != to_dict(getattr(kind(), name)):
                self.filled.add((kind.__name__, name))
            within = [value] if hasattr(value, "get_fields_and_field_types") else value
            for item in within if isinstance(within, (list, tuple)) else ():
                self._record_fields(item)

    @staticmethod
    def _require_stamps(outcome, begun_ns):
        """Requires that all messages have one stamp, the time of arrival on the clock of this machine."""
        stamps_ns = {
            message["stamp_ns"] if "stamp_ns" in message else stamp_ns(message["header"]["stamp"])
            for messages in outcome.messages.values()
            for message in messages
        }
        assert len(stamps_ns) <= 1, stamps_ns
        assert all(begun_ns <= at <= time.time_ns() for at in stamps_ns), (begun_ns, stamps_ns)


def stamp_ns(stamp):
    return stamp["sec"] * 10**9 + stamp["nanosec"]
