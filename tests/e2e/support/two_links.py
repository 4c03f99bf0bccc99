"""A scripted server for each of the two links, a bridge, and who watches it."""

from support import points_encoder
from support.point_cloud_reader import number_of
from support.topic_table import TOPICS


class TwoLinks:
    """Both servers of a site. `topics` are subscribed to; `keep` says what is kept of a message, by topic."""

    def __init__(self, environment, *topics, parameters=None, keep=None, **options):
        keep = {"points/raw": number_of} | (keep or {})
        self.points_server, self.output_server = environment.server(), environment.server()
        self.observer = environment.observer()
        self.statistics = environment.statistics(self.observer)
        self.parameters = environment.parameters(self.observer)
        self.inboxes = {topic: self.subscribe(topic, keep.get(topic)) for topic in topics}
        self.bridge = environment.bridge(
            self.points_server.port, parameters, output_port=self.output_server.port, **options
        )
        self.observer.wait_for_match(self.statistics.inbox, *self.inboxes.values())

    def subscribe(self, topic, keep=None):
        """An inbox for all that comes on a topic; clouds in their serialized form."""
        known = TOPICS[topic]
        if topic.startswith("points/"):
            return self.observer.clouds(topic, keep=keep, profile=known.subscription())
        return self.observer.subscribe(topic, known.kind, known.subscription(), keep=keep)

    def __getitem__(self, topic):
        return self.inboxes[topic]

    @property
    def points(self):
        """The latest connection of the point stream."""
        return latest(self.points_server)

    @property
    def output(self):
        """The latest connection of the output stream."""
        return latest(self.output_server)

    def send_cloud(self, number):
        """A cloud that can be told from others."""
        self.points.send(points_encoder.numbered(number))

    def settled_account(self, topic):
        """The topic's account when nothing waits. For when nothing more is sent."""
        self.statistics.wait_until_settled()
        return self.statistics.topic(topic)


def latest(server):
    server.client()
    return server.clients[-1]
