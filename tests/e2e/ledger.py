"""The bridge's statistics, each of which must balance."""

from sensr_bridge.msg import BridgeStatistics, LinkStatistics

from polling import until

CONNECTING = LinkStatistics.STATE_CONNECTING
CONNECTED = LinkStatistics.STATE_CONNECTED
BACKOFF = LinkStatistics.STATE_BACKOFF

#: Where a received cloud can be.
PLACES = ("published", "thinned", "unsubscribed", "dropped", "malformed", "queued")


def imbalances(message):
    """The topics of a statistics message whose clouds are not all accounted for."""
    return [
        topic
        for topic in message.topics
        if topic.received != sum(getattr(topic, place) for place in PLACES)
    ]


class Statistics:
    """Everything the bridge has said about itself."""

    def __init__(self, observer, topic="statistics"):
        self.inbox = observer.subscribe(topic, BridgeStatistics)

    @property
    def messages(self):
        return list(self.inbox.messages)

    @property
    def latest(self):
        return self.inbox.messages[-1]

    @property
    def link(self):
        (link,) = self.latest.links
        return link

    def topic(self, name="points/raw"):
        return topic_of(self.latest, name)

    def after(self):
        """Waits for a message that was put together after this call, and returns it."""
        seen = self.inbox.count
        # One may have been under way already.
        self.inbox.wait(seen + 2)
        return self.latest

    def until(self, condition, what):
        """Waits for a message for which the condition holds, and returns it."""

        def holds():
            if not self.inbox.messages:
                return None
            message = self.latest
            return message if condition(message) else None

        return until(holds, lambda: f"{what}; the latest:\n{self.inbox.messages[-1:]}")

    def until_state(self, state):
        return self.until(lambda message: message.links[0].state == state, f"link state {state}")

    def until_received(self, count, name="points/raw"):
        """Waits until at least `count` clouds of a topic came in and none of them waits any more."""

        def settled(message):
            topic = topic_of(message, name)
            return topic.received >= count and topic.queued == 0

        return topic_of(self.until(settled, f"{count} clouds received on {name}"), name)

    def require_balance(self):
        """Every message so far must balance."""
        for message in self.messages:
            assert not imbalances(message), imbalances(message)


def topic_of(message, name="points/raw"):
    """The account of a topic."""
    (found,) = [topic for topic in message.topics if topic.topic.endswith(name)]
    return found
