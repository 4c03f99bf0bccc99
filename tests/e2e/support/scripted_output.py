"""Sends messages of the output stream one by one, and compares all that the bridge makes of each."""

import time

from support import output_encoder
from support.expected_messages import ReferenceModel, differences, to_dict
from support.statistics_reader import link_of, topic_of
from support.two_links import TwoLinks

#: Everything that says what SENSR said.
TOPICS = (
    "objects",
    "points/objects",
    "zones",
    "events/zone",
    "events/losing",
    "events/recalibration",
    "health",
    "server_status",
)
FRAME_ID = "site_7"


class Outcome:
    """What came of one message: ROS messages as dicts by topic, and what the ledger says."""

    def __init__(self, messages, before, after):
        self.messages = messages
        before_link, after_link = link_of(before, "output"), link_of(after, "output")
        self.undecodable_frames = after_link.undecodable_frames - before_link.undecodable_frames
        self.undecodable_parts = after_link.undecodable_parts - before_link.undecodable_parts
        self.invalid_texts = after_link.invalid_texts - before_link.invalid_texts
        malformed = {topic: topic_of(after, topic).malformed - topic_of(before, topic).malformed for topic in TOPICS}
        self.malformed = {topic: count for topic, count in malformed.items() if count}

    def __getitem__(self, topic):
        """The only message on a topic."""
        (message,) = self.messages[topic]
        return message


class ScriptedOutput:
    """A bridge with a scripted output stream."""

    def __init__(self, environment, **parameters):
        self._links = TwoLinks(environment, *TOPICS, parameters={"frame_id": FRAME_ID} | parameters)
        self._model = ReferenceModel(FRAME_ID)
        self._sent = 0
        self._before = self._links.statistics.wait_for_next()
        #: (message type, field) that ever was something else than 0 or empty.
        self.filled = set()
        #: All message types that came, with those within.
        self.types = {}

    def send_and_compare(
        self, message, frame=None, generation=3, undecodable_parts=0, invalid_texts=0, malformed=None, **encoding
    ):
        """Sends a message and requires exactly what the model makes of it, on every topic.

        `frame` is sent instead, if it is given: then `message` is what can be read of it.
        """
        if frame is None:
            frame = output_encoder.output(message, generation, **encoding)
        malformed = malformed or {}
        for topic, count in malformed.items():
            self._model.skip_events(topic, count)
        expected = self._model.topics(message, generation)
        heard = self._exchange(frame)
        assert heard.undecodable_frames == 0
        assert heard.undecodable_parts == undecodable_parts
        assert heard.invalid_texts == invalid_texts
        assert heard.malformed == malformed
        for topic in TOPICS:
            assert differences(heard.messages[topic], expected[topic], topic) == []
        return heard

    def send_undecodable(self, frame):
        """Sends a frame that nothing must come of, and returns what the ledger says."""
        heard = self._exchange(frame)
        assert not any(heard.messages.values()), heard.messages
        return heard

    @property
    def log(self):
        """What the bridge has written so far."""
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
            assert len(received) == begins[topic] + count, f"more on {topic} than were published"
            messages[topic] = list(map(self._opened, received[begins[topic] :]))
        heard = Outcome(messages, self._before, after)
        self._before = after
        self._require_stamps(heard, begun_ns)
        return heard

    def _opened(self, message):
        self._note(message)
        return to_dict(message) if hasattr(message, "get_fields_and_field_types") else vars(message)

    def _note(self, message):
        if not hasattr(message, "get_fields_and_field_types"):
            return
        kind = type(message)
        self.types[kind.__name__] = kind
        for name in message.get_fields_and_field_types():
            value = getattr(message, name)
            if value != getattr(kind(), name):
                self.filled.add((kind.__name__, name))
            within = [value] if hasattr(value, "get_fields_and_field_types") else value
            for item in within if isinstance(within, (list, tuple)) else ():
                self._note(item)

    @staticmethod
    def _require_stamps(heard, begun_ns):
        """All that comes of one message has its stamp: when it came, on the clock of this machine."""
        stamps_ns = {
            message["stamp_ns"] if "stamp_ns" in message else stamp_ns(message["header"]["stamp"])
            for messages in heard.messages.values()
            for message in messages
        }
        assert len(stamps_ns) <= 1, stamps_ns
        assert all(begun_ns <= at <= time.time_ns() for at in stamps_ns), (begun_ns, stamps_ns)


def stamp_ns(stamp):
    return stamp["sec"] * 10**9 + stamp["nanosec"]
