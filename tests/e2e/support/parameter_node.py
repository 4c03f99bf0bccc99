"""A bridge with a scripted server, for tests of its parameters."""

from rcl_interfaces.msg import ParameterEvent

from support import points_encoder, ros_observer

#: Parameters that can only be set at start, and other values for them.
READ_ONLY = {"qos.reliability": "best_effort", "qos.depth": 7}


class NodeWithParameters:
    """A bridge with a scripted server and an observer of clouds, parameter events and statistics."""

    def __init__(self, environment, parameters=None, **options):
        self.environment = environment
        self.server = environment.server()
        self.observer = environment.observer()
        self.clouds = self.observer.subscribe_clouds()
        self.events = self.observer.subscribe("/parameter_events", ParameterEvent, ros_observer.qos(depth=1000))
        self.statistics = environment.statistics(self.observer)
        self.bridge = environment.bridge(self.server.port, parameters, **options)
        self.parameters = environment.parameters(self.observer)
        self.observer.wait_for_match(self.clouds, self.statistics.inbox, self.events)
        self._sent = 0

    def send_cloud(self, kind=points_encoder.RAW):
        self._sent += 1
        self.server.clients[-1].send(points_encoder.numbered_cloud(self._sent, kind))

    def exchange_cloud(self):
        """Sends a valid cloud and waits for it."""
        self.server.client()
        count = self.clouds.count
        self.send_cloud()
        return self.clouds.wait(count + 1)[-1]


def write_hosts_file(environment, name: str, text: str) -> str:
    """Writes a file into the folder of the test and returns its path."""
    path = environment.folder / name
    path.write_text(text)
    return str(path)
