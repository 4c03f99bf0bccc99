"""Missing hosts and CA files: the bridge waits for them as for a server, and reads them no more often than needed."""

import os
import signal

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_srvs.srv import SetBool, Trigger

from support import points_encoder, ros_observer, summary_notes
from support.polling import wait_until
from support.statistics_reader import BACKOFF, CONNECTED, PAUSED

LINKS = ("points", "output")


class WaitingFixture:
    """A bridge whose host is a site of a hosts file."""

    def __init__(self, environment, text=None, **parameters):
        self.environment = environment
        self.server = environment.server()
        self.path = environment.folder / "sites" / "hosts.yaml"
        self.path.parent.mkdir()
        if text is not None:
            self.write(text)
        self.observer = environment.observer()
        self.clouds = self.observer.subscribe_clouds()
        self.diagnostics = self.observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
        self.statistics = environment.statistics(self.observer)
        given = {"host": "yard", "hosts_file": str(self.path)} | parameters
        self.bridge = environment.bridge(self.server.port, given)
        self.parameters = environment.parameters(self.observer)
        self.observer.wait_for_match(self.clouds, self.statistics.inbox, self.diagnostics)

    def write(self, text):
        """Replaces the file atomically."""
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(text)
        os.replace(unfinished, self.path)

    def reconnect(self):
        return self.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())

    def require_waiting(self, *words):
        for name in LINKS:
            link = self.statistics.wait_for_link(
                lambda link: link.state == BACKOFF and all(word in link.last_error for word in words), f"{words}", name
            )
            assert (link.url, link.connects, link.failed_attempts) == ("", 0, 0)

    def require_cloud(self, server=None, number=1):
        count = self.clouds.count
        (server or self.server).client(number).send(points_encoder.numbered_cloud(number))
        self.clouds.wait(count + 1)

    def require_diagnosed(self, *words):
        """Waits until the diagnostics of both links are errors with these words."""

        def is_reported():
            statuses = self.diagnostics.messages[-1].status if self.diagnostics.messages else []
            links = [status for status in statuses if status.name.endswith(" link")]
            return len(links) == 2 and all(
                status.level == DiagnosticStatus.ERROR and all(word in status.message for word in words)
                for status in links
            )

        wait_until(is_reported, lambda: f"{words} of both links: {self.diagnostics.messages[-1:]}")


YARD = "sites: {yard: 127.0.0.1}\n"


def test_a_hosts_file_may_appear_later(environment):
    site = WaitingFixture(environment)
    site.require_waiting("cannot read hosts file", str(site.path), "No such file")
    site.bridge.wait_for_output(r"WARN.*cannot read hosts file .*; trying again in \d+\.\d s")
    site.require_diagnosed("not connected", "cannot read hosts file")
    # Services and topics work meanwhile.
    site.parameters.set({"pointcloud_interval": 0.0, "frame_id": "early"})
    reason = site.parameters.refusal("host", "pier")
    assert "cannot read hosts file" in reason
    response = site.reconnect()
    assert not response.success and "not known yet: cannot read hosts file" in response.message
    site.write(YARD)
    site.require_cloud()
    for name in LINKS[:1]:
        assert site.statistics.wait_for_state(CONNECTED, name).url == f"ws://127.0.0.1:{site.server.port}/"
    assert site.clouds.messages[-1].frame_id == "early"
    # Logged once, not with each attempt.
    assert site.bridge.log.count("; trying again in") == 1, site.bridge.log_tail()


def test_waiting_for_a_hosts_file_can_be_paused_and_cut_short(environment):
    site = WaitingFixture(environment, **{"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0})
    site.require_waiting("cannot read hosts file")
    set_enabled = "/sensr_bridge/set_enabled"
    assert site.observer.call(SetBool, set_enabled, SetBool.Request(data=False)).success
    site.statistics.wait_for_state(PAUSED)
    assert site.observer.call(SetBool, set_enabled, SetBool.Request(data=True)).success
    site.require_waiting("cannot read hosts file")
    # A reconnect request ends the delay.
    site.write(YARD)
    assert site.reconnect().message == "reconnecting both links"
    site.require_cloud()


def test_a_hosts_file_without_read_permission_is_waited_for(environment):
    if os.geteuid() == 0:
        summary_notes.add_note("SKIPPED, ROOT MAY READ EVERYTHING")
        pytest.skip("root may read everything")
    site = WaitingFixture(environment)
    site.write(YARD)
    site.path.chmod(0)
    site.require_waiting("cannot read hosts file", "Permission denied")
    site.path.chmod(0o600)
    site.require_cloud()


@pytest.mark.parametrize(
    ("text", "words"),
    [("sites: {pier: 127.0.0.1}\n", "it has: pier"), ("sites: [\n", "line 1")],
    ids=["unknown site", "no YAML"],
)
def test_an_invalid_hosts_file_that_appears_ends_the_wait(environment, text, words):
    """The file may be half written, so the bridge waits a moment before it exits as for an invalid file at start."""
    site = WaitingFixture(environment)
    site.write(text)
    assert site.bridge.wait() == 2, site.bridge.log_tail()
    last = [line for line in site.bridge.log.splitlines() if "ERROR" in line]
    assert len(last) == 1 and words in last[0] and str(site.path) in last[0], site.bridge.log_tail()


def test_a_hosts_file_that_is_repaired_in_time_is_used(environment):
    site = WaitingFixture(environment)
    site.write("")
    site.bridge.wait_for_output(r"WARN.*it has no `sites:`")
    site.write(YARD)
    site.require_cloud()


def test_unrelated_parameters_do_not_need_the_hosts_file(environment):
    other = environment.server()
    site = WaitingFixture(environment, YARD)
    site.require_cloud()
    for change in (lambda: site.write("sites: ["), site.path.unlink):
        change()
        site.parameters.set({"pointcloud_interval": 0.001, "stall_timeout": 800.0, "frame_id": "moved"})
        assert "hosts file" in site.parameters.refusal("host", "pier")
        site.server.client(1).send(points_encoder.numbered_cloud(7))
        wait_until(lambda: site.clouds.messages[-1].frame_id == "moved", "the new frame")
        site.parameters.set({"frame_id": "sensr"})
    # A missing file in a request is a typing error.
    missing = str(site.path.with_name("other.yaml"))
    reason = site.parameters.refusal("hosts_file", missing)
    assert f"cannot read hosts file {missing}" in reason
    # The address of the site is still known.
    site.parameters.set({"points_port": other.port})
    site.require_cloud(other)
    assert site.parameters.get("host", "points_port") == ["yard", other.port]


def test_a_reconnect_reads_the_hosts_file_again(environment):
    site = WaitingFixture(environment, YARD)
    site.require_cloud()
    moved = environment.server(environment.port("127.0.0.2", site.server.port))
    site.write("sites: {yard: 127.0.0.2}\n")
    assert site.reconnect().message == "reconnecting both links"
    site.require_cloud(moved)
    # An unreadable file does not prevent the reconnect.
    unknown, broken = (lambda: site.write("sites: {pier: 127.0.0.1}\n")), (lambda: site.write("sites: ["))
    for number, change in enumerate((unknown, broken, site.path.unlink), 2):
        change()
        response = site.reconnect()
        assert response.success and "known before" in response.message, response.message
        assert str(site.path) in response.message, response.message
        site.require_cloud(moved, number=number)


def test_a_hosts_file_on_a_hanging_share_blocks_nothing_else(environment):
    """Opening a FIFO blocks as reading from a hanging network share does."""
    environment.folder.joinpath("sites").mkdir()
    fifo = environment.folder / "sites" / "fifo.yaml"
    os.mkfifo(fifo)
    server = environment.server()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    bridge = environment.bridge(server.port, {"host": "yard", "hosts_file": str(fifo)})
    statistics.wait_for_link(lambda link: "no answer from the file system" in link.last_error, "the reason")
    environment.parameters(observer).set({"pointcloud_interval": 1.0})
    # The bridge still stops in time.
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait(20.0) == 0, bridge.log_tail()


def test_a_ca_file_may_appear_later(environment):
    tls = environment.folder / "tls"
    sim = environment.sim("--points", 1000, "--tls", tls)
    ca_file, hidden = tls / "sensr-ca.crt", tls / "hidden.crt"
    ca_file.rename(hidden)
    observer = environment.observer()
    statistics = environment.statistics(observer)
    parameters = {"tls.enabled": True, "tls.ca_file": str(ca_file)}
    bridge = environment.bridge(sim.points_port, parameters, output_port=sim.output_port)
    bridge.wait_for_output(rf"WARN.*cannot read tls.ca_file {ca_file}.*connection attempt")
    for name in LINKS:
        statistics.wait_for_link(lambda link: "cannot read tls.ca_file" in link.last_error, "the reason", name)
    # A new CA file must exist when it is set.
    reason = environment.parameters(observer).refusal("tls.ca_file", str(tls / "other.crt"))
    assert "cannot read tls.ca_file" in reason
    hidden.rename(ca_file)
    for name in LINKS:
        statistics.wait_for_state(CONNECTED, name)
    # The file is gone again: only the next connection reads it.
    ca_file.rename(hidden)
    environment.parameters(observer).set({"pointcloud_interval": 0.5, "tls.verify_name": True})
    assert statistics.wait_for_state(CONNECTED).connects == 1


def test_the_home_folder_is_expanded(environment):
    home = environment.folder / "home"
    home.mkdir()
    server = environment.server()
    (home / "hosts.yaml").write_bytes("\ufeffsites:\r\n  항구: 127.0.0.1\r\n".encode())
    env = {"HOME": str(home)}
    environment.env |= env
    environment.bridge(server.port, {"host": "항구", "hosts_file": "~/hosts.yaml"})
    server.client()
