"""A bridge between two scripted servers, one for each link, and an observer that subscribes to its topics."""

from support import points_encoder
from support.point_cloud_reader import number_of
from support.ros_observer import Inbox
from support.scripted_server import ClientConnection, ScriptedServer
from support.topic_table import TOPICS


class TwoLinks:
    """Starts both servers and the bridge and subscribes to `topics`.

    `keep` maps a topic to the function that makes of a message what its inbox keeps.
    """

    def __init__(self, environment, *topics: str, parameters=None, keep=None, **options):
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

    def subscribe(self, topic: str, keep=None) -> Inbox:
        """Subscribes to a topic; clouds arrive in their serialized form."""
        known = TOPICS[topic]
        if topic.startswith("points/"):
            return self.observer.subscribe_clouds(topic, keep=keep, profile=known.subscription_qos())
        return self.observer.subscribe(topic, known.kind, known.subscription_qos(), keep=keep)

    def __getitem__(self, topic) -> Inbox:
        return self.inboxes[topic]

    @property
    def points(self) -> ClientConnection:
        """The latest connection of the point stream."""
        return latest_connection(self.points_server)

    @property
    def output(self) -> ClientConnection:
        """The latest connection of the output stream."""
        return latest_connection(self.output_server)

    def send_cloud(self, number: int):
        """Sends a cloud that can be identified by its number."""
        self.points.send(points_encoder.numbered_cloud(number))

    def settled_account(self, topic: str):
        """Returns the ledger's account of a topic once no message is queued. Send nothing meanwhile."""
        self.statistics.wait_until_settled()
        return self.statistics.topic(topic)


def latest_connection(server: ScriptedServer) -> ClientConnection:
    """Waits for a connection and returns the latest one."""
    server.client()
    return server.clients[-1]
