"""Hosts and CA files that are not there: waited for like a server, and read no more often than needed."""

import os
import signal

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_srvs.srv import SetBool, Trigger

import report
import ros
import wire
from ledger import BACKOFF, CONNECTED, PAUSED
from polling import until

LINKS = ("points", "output")


class Site:
    """A bridge that is told to connect to a site of a hosts file."""

    def __init__(self, rig, text=None, **parameters):
        self.rig = rig
        self.server = rig.server()
        self.path = rig.folder / "sites" / "hosts.yaml"
        self.path.parent.mkdir()
        if text is not None:
            self.write(text)
        self.observer = rig.observer()
        self.clouds = self.observer.clouds()
        self.diagnostics = self.observer.subscribe("/diagnostics", DiagnosticArray, ros.qos())
        self.statistics = rig.statistics(self.observer)
        given = {"host": "yard", "hosts_file": str(self.path)} | parameters
        self.bridge = rig.bridge(self.server.port, given)
        self.parameters = rig.parameters(self.observer)
        self.observer.wait_for_match(self.clouds, self.statistics.inbox, self.diagnostics)

    def write(self, text):
        """At once: a reader sees all of it or nothing."""
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.write_text(text)
        os.replace(unfinished, self.path)

    def reconnect(self):
        return self.observer.call(Trigger, "/sensr_bridge/reconnect", Trigger.Request())

    def require_waiting(self, *words):
        for name in LINKS:
            link = self.statistics.until_link(
                lambda link: link.state == BACKOFF and all(word in link.last_error for word in words), f"{words}", name
            )
            assert (link.url, link.connects, link.failed_attempts) == ("", 0, 0)

    def require_cloud(self, server=None, number=1):
        count = self.clouds.count
        (server or self.server).client(number).send(wire.numbered(number))
        self.clouds.wait(count + 1)

    def require_diagnosed(self, *words):
        """Both links are an error with these words."""

        def said():
            statuses = self.diagnostics.messages[-1].status if self.diagnostics.messages else []
            links = [status for status in statuses if status.name.endswith(" link")]
            return len(links) == 2 and all(
                status.level == DiagnosticStatus.ERROR and all(word in status.message for word in words)
                for status in links
            )

        until(said, lambda: f"{words} of both links: {self.diagnostics.messages[-1:]}")


YARD = "sites: {yard: 127.0.0.1}\n"


def test_a_hosts_file_that_appears_later(rig):
    site = Site(rig)
    site.require_waiting("cannot read hosts file", str(site.path), "No such file")
    site.bridge.expect(r"WARN.*cannot read hosts file .*; trying again in \d+\.\d s")
    site.require_diagnosed("not connected", "cannot read hosts file")
    # Everything else answers meanwhile.
    site.parameters.set({"pointcloud_interval": 0.0, "frame_id": "early"})
    reason = site.parameters.refusal("host", "pier")
    assert "cannot read hosts file" in reason
    response = site.reconnect()
    assert not response.success and "not known yet: cannot read hosts file" in response.message
    site.write(YARD)
    site.require_cloud()
    for name in LINKS[:1]:
        assert site.statistics.until_state(CONNECTED, name).url == f"ws://127.0.0.1:{site.server.port}/"
    assert site.clouds.messages[-1].frame_id == "early"
    # Said once, not with each attempt.
    assert site.bridge.log.count("; trying again in") == 1, site.bridge.tail()


def test_waiting_for_a_hosts_file_can_be_paused_and_ended(rig):
    site = Site(rig, **{"reconnect.initial_delay": 600.0, "reconnect.max_delay": 600.0})
    site.require_waiting("cannot read hosts file")
    set_enabled = "/sensr_bridge/set_enabled"
    assert site.observer.call(SetBool, set_enabled, SetBool.Request(data=False)).success
    site.statistics.until_state(PAUSED)
    assert site.observer.call(SetBool, set_enabled, SetBool.Request(data=True)).success
    site.require_waiting("cannot read hosts file")
    # Asked to reconnect it does not sit out the pause.
    site.write(YARD)
    assert site.reconnect().message == "both links are made anew"
    site.require_cloud()


def test_a_hosts_file_without_permission(rig):
    if os.geteuid() == 0:
        report.note("SKIPPED, ROOT MAY READ EVERYTHING")
        pytest.skip("root may read everything")
    site = Site(rig)
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
def test_a_hosts_file_that_comes_and_is_wrong_ends_the_wait(rig, text, words):
    """It may be half written, so it gets a moment. Then it is as if it had been there from the start."""
    site = Site(rig)
    site.write(text)
    assert site.bridge.wait() == 2, site.bridge.tail()
    last = [line for line in site.bridge.log.splitlines() if "ERROR" in line]
    assert len(last) == 1 and words in last[0] and str(site.path) in last[0], site.bridge.tail()


def test_a_hosts_file_that_is_repaired_in_time_is_taken(rig):
    site = Site(rig)
    site.write("")
    site.bridge.expect(r"WARN.*it has no `sites:`")
    site.write(YARD)
    site.require_cloud()


def test_parameters_that_have_nothing_to_do_with_it_do_not_need_the_hosts_file(rig):
    other = rig.server()
    site = Site(rig, YARD)
    site.require_cloud()
    for change in (lambda: site.write("sites: ["), site.path.unlink):
        change()
        site.parameters.set({"pointcloud_interval": 0.001, "stall_timeout": 800.0, "frame_id": "moved"})
        assert "hosts file" in site.parameters.refusal("host", "pier")
        site.server.client(1).send(wire.numbered(7))
        until(lambda: site.clouds.messages[-1].frame_id == "moved", "the new frame")
        site.parameters.set({"frame_id": "sensr"})
    # A file that is not there is a slip of the finger.
    missing = str(site.path.with_name("other.yaml"))
    reason = site.parameters.refusal("hosts_file", missing)
    assert f"cannot read hosts file {missing}" in reason
    # The site is still known.
    site.parameters.set({"points_port": other.port})
    site.require_cloud(other)
    assert site.parameters.get("host", "points_port") == ["yard", other.port]


def test_a_reconnect_reads_the_hosts_file_again(rig):
    site = Site(rig, YARD)
    site.require_cloud()
    moved = rig.server(rig.port("127.0.0.2", site.server.port))
    site.write("sites: {yard: 127.0.0.2}\n")
    assert site.reconnect().message == "both links are made anew"
    site.require_cloud(moved)
    # What cannot be read is no reason not to reconnect.
    unknown, broken = (lambda: site.write("sites: {pier: 127.0.0.1}\n")), (lambda: site.write("sites: ["))
    for number, change in enumerate((unknown, broken, site.path.unlink), 2):
        change()
        response = site.reconnect()
        assert response.success and "known before" in response.message, response.message
        assert str(site.path) in response.message, response.message
        site.require_cloud(moved, number=number)


def test_a_hosts_file_on_a_share_that_hangs(rig):
    """Opening a FIFO blocks as reading from a dead share does. Everything else goes on."""
    rig.folder.joinpath("sites").mkdir()
    fifo = rig.folder / "sites" / "fifo.yaml"
    os.mkfifo(fifo)
    server = rig.server()
    observer = rig.observer()
    statistics = rig.statistics(observer)
    bridge = rig.bridge(server.port, {"host": "yard", "hosts_file": str(fifo)})
    statistics.until_link(lambda link: "no answer from the file system" in link.last_error, "the reason")
    rig.parameters(observer).set({"pointcloud_interval": 1.0})
    # It ends in time all the same.
    bridge.signal(signal.SIGTERM)
    assert bridge.wait(20.0) == 0, bridge.tail()


def test_a_ca_file_that_appears_later(rig):
    tls = rig.folder / "tls"
    sim = rig.sim("--points", 1000, "--tls", tls)
    ca_file, hidden = tls / "sensr-ca.crt", tls / "hidden.crt"
    ca_file.rename(hidden)
    observer = rig.observer()
    statistics = rig.statistics(observer)
    parameters = {"tls.enabled": True, "tls.ca_file": str(ca_file)}
    bridge = rig.bridge(sim.points_port, parameters, output_port=sim.output_port)
    bridge.expect(rf"WARN.*cannot read tls.ca_file {ca_file}.*connection attempt")
    for name in LINKS:
        statistics.until_link(lambda link: "cannot read tls.ca_file" in link.last_error, "the reason", name)
    # A new CA file has to be there when it is set.
    reason = rig.parameters(observer).refusal("tls.ca_file", str(tls / "other.crt"))
    assert "cannot read tls.ca_file" in reason
    hidden.rename(ca_file)
    for name in LINKS:
        statistics.until_state(CONNECTED, name)
    # It is gone again: nothing asks for it but the next link.
    ca_file.rename(hidden)
    rig.parameters(observer).set({"pointcloud_interval": 0.5, "tls.verify_name": True})
    assert statistics.until_state(CONNECTED).connects == 1


def test_the_home_folder_is_expanded(rig):
    home = rig.folder / "home"
    home.mkdir()
    server = rig.server()
    (home / "hosts.yaml").write_bytes("\ufeffsites:\r\n  항구: 127.0.0.1\r\n".encode())
    env = {"HOME": str(home)}
    rig.env |= env
    rig.bridge(server.port, {"host": "항구", "hosts_file": "~/hosts.yaml"})
    server.client()
