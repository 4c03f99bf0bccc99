"""The bridge's statistics, each of which must balance."""

import time

from sensr_bridge.msg import BridgeStatistics, LinkStatistics

from support.polling import wait_until

CONNECTING = LinkStatistics.STATE_CONNECTING
CONNECTED = LinkStatistics.STATE_CONNECTED
BACKOFF = LinkStatistics.STATE_BACKOFF
PAUSED = LinkStatistics.STATE_PAUSED

#: Where what was received can be.
PLACES = ("published", "thinned", "unsubscribed", "dropped", "malformed", "queued")


def imbalances(message):
    """The topics of a statistics message whose messages are not all accounted for."""
    return [topic for topic in message.topics if topic.received != sum(getattr(topic, place) for place in PLACES)]


class StatisticsReader:
    """Everything the bridge has said about itself."""

    def __init__(self, observer, topic="statistics"):
        self.inbox = observer.subscribe(topic, BridgeStatistics)

    @property
    def messages(self):
        return list(self.inbox.messages)

    @property
    def latest(self):
        return self.inbox.messages[-1]

    def link(self, name="points"):
        return link_of(self.latest, name)

    def topic(self, name="points/raw"):
        return topic_of(self.latest, name)

    def wait_for_next(self):
        """Waits for a message that was put together after this call, and returns it."""
        now_ns = time.time_ns()
        return self.wait_until(lambda message: stamp_ns(message) > now_ns, "news")

    def wait_until(self, condition, what):
        """Waits for a message for which the condition holds, and returns it."""

        def holds():
            if not self.inbox.messages:
                return None
            message = self.latest
            return message if condition(message) else None

        return wait_until(holds, lambda: f"{what}; the latest:\n{self.inbox.messages[-1:]}")

    def wait_for_link(self, condition, what, name="points"):
        """Waits until the condition holds for a link, and returns the link."""
        message = self.wait_until(lambda message: condition(link_of(message, name)), f"{what}, link {name}")
        return link_of(message, name)

    def wait_for_state(self, state, name="points"):
        """Waits for a state of a link, and returns the link."""
        return self.wait_for_link(lambda link: link.state == state, f"state {state}", name)

    def wait_for_received(self, count, name="points/raw"):
        """Waits until at least `count` messages for a topic came in and none of them waits any more."""

        def settled(message):
            topic = topic_of(message, name)
            return topic.received >= count and topic.queued == 0

        return topic_of(self.wait_until(settled, f"{count} received for {name}"), name)

    def wait_until_settled(self):
        """Waits until nothing waits, and returns that message. For when nothing more is sent."""
        now_ns = time.time_ns()

        def settled(message):
            return stamp_ns(message) > now_ns and not any(topic.queued for topic in message.topics)

        return self.wait_until(settled, "nothing waits")

    def require_balance(self):
        """Every message so far must balance."""
        for message in self.messages:
            assert not imbalances(message), imbalances(message)

    def require_bounded_memory(self):
        """In every message so far."""
        for message in self.messages:
            assert message.rss_bytes <= message.memory_bound_bytes, (message.rss_bytes, message.memory_bound_bytes)


def stamp_ns(message):
    """The stamp in a message's header."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def topic_of(message, name="points/raw"):
    """The account of a topic."""
    (found,) = [topic for topic in message.topics if topic.topic == name]
    return found


def link_of(message, name="points"):
    """The figures of a link."""
    (found,) = [link for link in message.links if link.name == name]
    return found
