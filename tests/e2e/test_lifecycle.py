"""Servers start late, die, restart, move and misbehave: data flow again without intervention."""

import signal
import threading
import time

from support import points_encoder
from support.point_cloud_reader import number_of
from support.polling import wait_until
from support.statistics_reader import BACKOFF, CONNECTED, CONNECTING, link_of
from support.summary_notes import add_note

SMALL_SCENE = ("--scene", "street", "--points", 2000, "--types", "raw", "--rate", 20)


class LifecycleFixture:
    """A bridge with an observer of its clouds and statistics."""

    def __init__(self, environment, points_port, parameters=None, **options):
        self.observer = environment.observer()
        self.clouds = self.observer.subscribe_clouds(keep=number_of)
        self.statistics = environment.statistics(self.observer)
        self.parameters = environment.parameters(self.observer)
        self.bridge = environment.bridge(points_port, parameters, **options)
        self.observer.wait_for_match(self.clouds, self.statistics.inbox)

    @property
    def link(self):
        return link_of(self.statistics.wait_for_next())

    def require_data(self, client, number):
        """Sends a cloud and waits until it is published."""
        client.send(points_encoder.numbered_cloud(number))
        self.bridge.wait_until(lambda: number in self.clouds.messages, f"cloud {number}")


def test_a_server_absent_at_start_is_connected_later(environment):
    port = environment.port()
    site = LifecycleFixture(environment, port.number)
    site.statistics.wait_for_link(lambda link: link.failed_attempts >= 3, "three failed attempts")
    site.statistics.wait_for_state(BACKOFF)
    link = site.link
    assert (link.connects, link.disconnects, link.frames) == (0, 0, 0)
    assert "refused" in link.last_error.lower()
    assert link.url == f"ws://127.0.0.1:{port.number}/"

    environment.sim(*SMALL_SCENE, points_port=port.number)
    listening = time.monotonic()
    site.clouds.wait(3)
    add_note(f"server absent at start: data {time.monotonic() - listening:.2f} s after it listens (back-off 0.2 s)")
    site.statistics.wait_for_state(CONNECTED)
    assert site.link.connects == 1


def test_a_killed_and_restarted_server_is_reconnected(environment):
    port = environment.port()
    site = LifecycleFixture(environment, port.number)
    for life in (1, 2, 3):
        sim = environment.sim(*SMALL_SCENE, points_port=port.number)
        listening = time.monotonic()
        site.clouds.wait(site.clouds.count + 3)
        add_note(
            f"server killed and restarted: life {life}, data {time.monotonic() - listening:.2f} s after it listens"
        )
        link = site.statistics.wait_for_state(CONNECTED)
        assert (link.connects, link.disconnects) == (life, life - 1)
        sim.send_signal(signal.SIGKILL)
        sim.wait()
        link = site.statistics.wait_for_link(
            lambda link, life=life: link.disconnects == life and link.state == BACKOFF, "the link is lost"
        )
        assert link.last_error


def test_a_close_frame_of_the_server_reconnects(environment):
    server = environment.server()
    site = LifecycleFixture(environment, server.port)
    site.require_data(server.client(), 1)
    server.client().close(1011, "Writing buffer is full")
    site.require_data(server.client(2), 2)
    link = site.link
    assert (link.connects, link.disconnects) == (2, 1)
    assert "1011" in link.last_error and "Writing buffer is full" in link.last_error


def test_another_port_by_parameter_reconnects(environment):
    old, new = environment.server(), environment.server()
    site = LifecycleFixture(environment, old.port)
    site.require_data(old.client(), 1)

    site.parameters.set({"points_port": new.port})
    site.require_data(new.client(), 2)
    assert old.client().wait_closed() == 1000
    link = site.link
    assert link.url == f"ws://127.0.0.1:{new.port}/"
    assert (link.connects, link.disconnects, link.failed_attempts) == (2, 1, 0)
    assert len(old.clients) == 1


def test_another_host_by_parameter_reconnects(environment):
    port = environment.port()
    old, new = environment.server(port), environment.server(environment.port("127.0.0.2", port.number))
    site = LifecycleFixture(environment, port.number)
    site.require_data(old.client(), 1)
    site.parameters.set({"host": "127.0.0.2"})
    site.require_data(new.client(), 2)
    assert old.client().wait_closed() == 1000
    site.parameters.set({"host": "localhost"})
    site.require_data(old.client(2), 3)
    assert new.client().wait_closed() == 1000


def test_a_second_simulator_by_parameter_replaces_the_first(environment):
    first, second = environment.sim(*SMALL_SCENE), environment.sim(*SMALL_SCENE)
    site = LifecycleFixture(environment, first.points_port)
    site.clouds.wait(3)
    site.parameters.set({"points_port": second.points_port})
    second.wait_for_output("points .* connected")
    first.wait_for_output("points .* closed by the client")
    site.clouds.wait(site.clouds.count + 3)


def test_a_new_address_ends_a_long_back_off(environment):
    refused, server = environment.port(), environment.server()
    pauses = {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0}
    site = LifecycleFixture(environment, refused.number, pauses)
    site.statistics.wait_for_state(BACKOFF)
    site.parameters.set({"points_port": server.port})
    site.require_data(server.client(), 1)


def test_a_shorter_delay_ends_a_long_back_off(environment):
    port = environment.port()
    pauses = {"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0}
    site = LifecycleFixture(environment, port.number, pauses)
    site.statistics.wait_for_state(BACKOFF)
    server = environment.server(port)
    site.parameters.set({"reconnect.initial_delay": 0.1})
    site.require_data(server.client(), 1)


def test_other_parameters_do_not_touch_the_link(environment):
    server = environment.server()
    site = LifecycleFixture(environment, server.port)
    site.require_data(server.client(), 1)
    site.parameters.set({"frame_id": "lidar", "pointcloud_interval": 0.1, "reconnect.max_delay": 9.0})
    site.parameters.set({"pointcloud_interval": 0.0})
    site.require_data(server.client(), 2)
    assert len(server.clients) == 1


def test_a_message_limit_by_parameter_reconnects(environment):
    server = environment.server()
    site = LifecycleFixture(environment, server.port)
    site.require_data(server.client(), 1)
    site.parameters.set({"max_message_bytes": 5000})
    assert server.client().wait_closed() == 1000
    server.client(2).send_too_much(points_encoder.numbered_cloud(2, points=1000))
    assert server.client(2).wait_closed() == 1009
    site.require_data(server.client(3), 3)


def test_a_server_of_another_protocol_is_reported(environment):
    port, server = environment.port(), environment.server()
    with _Greeter(port) as greeter:
        site = LifecycleFixture(environment, port.number)
        site.statistics.wait_for_link(lambda link: link.failed_attempts >= 2, "failed handshakes")
        site.statistics.wait_for_link(lambda link: "no WebSocket server" in link.last_error, "the reason")
        site.parameters.set({"points_port": server.port})
        site.require_data(server.client(), 1)
        assert greeter.connections >= 2


def test_a_server_without_a_handshake_times_out(environment):
    port, server = environment.port(), environment.server()
    silent = port.listener()
    try:
        site = LifecycleFixture(environment, port.number)
        site.statistics.wait_for_state(CONNECTING)
        site.parameters.set({"points_port": server.port})
        site.require_data(server.client(), 1)
    finally:
        silent.close()


def test_a_parameter_file_sets_the_server(environment):
    server = environment.server()
    file = environment.folder / "parameters.yaml"
    file.write_text(
        f"""
/**:
  ros__parameters:
    host: 127.0.0.1
    points_port: {server.port}
    frame_id: from_file
    statistics_period: 0.1
    qos:
      depth: 7
sensr_bridge:
  ros__parameters:
    reconnect.max_delay: 3
"""
    )
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.frame_id)
    environment.bridge(defaults=False, ros_args=["--params-file", str(file)])
    observer.wait_for_match(clouds)
    server.client().send(points_encoder.numbered_cloud(1))
    assert clouds.wait(1) == ["from_file"]
    values = environment.parameters(observer).get(
        "points_port", "qos.depth", "reconnect.max_delay", "reconnect.initial_delay"
    )
    assert values == [server.port, 7, 3.0, 0.5]


class _Greeter:
    """Server of another protocol that greets every client."""

    def __init__(self, port):
        self._listener = port.listener()
        self._listener.settimeout(0.05)
        self._closing = False
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    def _serve(self):
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection:
                self.connections += 1
                connection.sendall(b"SSH-2.0-something\r\n")

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._closing = True
        self._thread.join()
        self._listener.close()


def test_the_bridge_survives_many_restarts_in_a_row(environment):
    server = environment.server()
    site = LifecycleFixture(environment, server.port)
    for life in range(1, 11):
        site.require_data(server.client(life), life)
        server.client(life).abort()
    wait_until(lambda: len(server.clients) == 11, "the eleventh connection")
    assert site.link.disconnects == 10
