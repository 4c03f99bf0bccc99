"""Reader of the bridge's statistics, every message of which must balance."""

import time

from sensr_bridge.msg import BridgeStatistics, LinkStatistics

from support.polling import wait_until

CONNECTING = LinkStatistics.STATE_CONNECTING
CONNECTED = LinkStatistics.STATE_CONNECTED
BACKOFF = LinkStatistics.STATE_BACKOFF
PAUSED = LinkStatistics.STATE_PAUSED

#: Counts of the ledger that add up to `received`.
OUTCOMES = ("published", "thinned", "unsubscribed", "dropped", "malformed", "queued")


def imbalances(message: BridgeStatistics) -> list:
    """Returns the topics whose counts do not add up."""
    return [topic for topic in message.topics if topic.received != sum(getattr(topic, outcome) for outcome in OUTCOMES)]


class StatisticsReader:
    """Subscription to a bridge's statistics."""

    def __init__(self, observer, topic: str = "statistics"):
        self.inbox = observer.subscribe(topic, BridgeStatistics)

    @property
    def messages(self) -> list[BridgeStatistics]:
        return list(self.inbox.messages)

    @property
    def latest(self) -> BridgeStatistics:
        return self.inbox.messages[-1]

    def link(self, name: str = "points") -> LinkStatistics:
        return link_of(self.latest, name)

    def topic(self, name: str = "points/raw"):
        return topic_of(self.latest, name)

    def wait_for_next(self) -> BridgeStatistics:
        """Waits for a message that was composed after this call, and returns it."""
        now_ns = time.time_ns()
        return self.wait_until(lambda message: stamp_ns(message) > now_ns, "new statistics")

    def wait_until(self, condition, what: str) -> BridgeStatistics:
        """Waits for a message for which the condition holds, and returns it."""

        def matching():
            if not self.inbox.messages:
                return None
            message = self.latest
            return message if condition(message) else None

        return wait_until(matching, lambda: f"{what}; the latest:\n{self.inbox.messages[-1:]}")

    def wait_for_link(self, condition, what: str, name: str = "points") -> LinkStatistics:
        """Waits until the condition holds for a link, and returns the link."""
        message = self.wait_until(lambda message: condition(link_of(message, name)), f"{what}, link {name}")
        return link_of(message, name)

    def wait_for_state(self, state: int, name: str = "points") -> LinkStatistics:
        """Waits for a state of a link, and returns the link."""
        return self.wait_for_link(lambda link: link.state == state, f"state {state}", name)

    def wait_for_received(self, count: int, name: str = "points/raw"):
        """Waits until the bridge has received at least `count` messages for a topic and none of them is queued."""

        def is_settled(message):
            topic = topic_of(message, name)
            return topic.received >= count and topic.queued == 0

        return topic_of(self.wait_until(is_settled, f"{count} received for {name}"), name)

    def wait_until_settled(self) -> BridgeStatistics:
        """Waits until no message is queued, and returns the statistics. Send nothing meanwhile."""
        now_ns = time.time_ns()

        def is_settled(message):
            return stamp_ns(message) > now_ns and not any(topic.queued for topic in message.topics)

        return self.wait_until(is_settled, "empty queues")

    def wait_until_delivered(self, sent: dict) -> BridgeStatistics:
        """Waits until all frames that a simulator has delivered, as its report tells, have been published."""

        def has_all(message):
            waiting = any(topic.queued for topic in message.topics)
            links = [(link_of(message, name), sent[name]) for name in ("points", "output")]
            return not waiting and all(link.frames == one["delivered"] for link, one in links)

        return self.wait_until(has_all, "all messages that were sent")

    def require_balance(self):
        """Requires that every message so far balances."""
        for message in self.messages:
            assert not imbalances(message), imbalances(message)

    def require_bounded_memory(self):
        """Requires that memory was below its bound in every message so far."""
        for message in self.messages:
            assert message.rss_bytes <= message.memory_bound_bytes, (message.rss_bytes, message.memory_bound_bytes)


def stamp_ns(message) -> int:
    """Returns the stamp in a message's header in nanoseconds."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def topic_of(message: BridgeStatistics, name: str = "points/raw"):
    """Returns the ledger's account of a topic."""
    (found,) = [topic for topic in message.topics if topic.topic == name]
    return found


def link_of(message: BridgeStatistics, name: str = "points") -> LinkStatistics:
    """Returns the statistics of a link."""
    (found,) = [link for link in message.links if link.name == name]
    return found
