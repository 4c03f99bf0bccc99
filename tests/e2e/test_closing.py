"""Frames in flight when a connection is closed: the bridge counts each frame that the server delivered."""

import re
import signal

import pytest
from std_srvs.srv import SetBool, Trigger

from support import outputs
from support.balance import require_balanced
from support.polling import wait_until
from support.statistics_reader import PAUSED, link_of
from support.topic_table import TOPICS
from support.two_links import TwoLinks

#: High rate, so that frames are always in flight.
SCENE = ("--scene", "street", "--points", 20_000, "--rate", 50, "--free-running")
NAMES = ("points", "output")
#: Number of disconnects in one test.
TIMES = 5


class ClosingFixture:
    """A simulator, a bridge and subscriptions to its topics."""

    def __init__(self, environment):
        self.environment = environment
        self.observer = environment.observer()
        self.statistics = environment.statistics(self.observer)
        known = TOPICS["objects"]
        self.inboxes = (
            self.observer.subscribe_clouds(keep=lambda cloud: cloud.width),
            self.observer.subscribe("objects", known.kind, known.subscription_qos(), keep=lambda _: True),
        )
        self.sim = environment.sim(*SCENE)
        self.parameters = environment.parameters(self.observer)
        self.bridge = environment.bridge(self.sim.points_port, output_port=self.sim.output_port)
        self.observer.wait_for_match(self.statistics.inbox, *self.inboxes)
        self.require_flow()

    def require_flow(self):
        """Waits for new messages of both links."""
        for inbox in self.inboxes:
            inbox.wait(inbox.count + 3)

    def call(self, kind, service, request):
        response = self.observer.call(kind, f"/sensr_bridge/{service}", request)
        assert response.success, response.message

    def wait_for_connects(self, number):
        for name in NAMES:
            self.statistics.wait_for_link(lambda link: link.connects == number, "the new link", name)


def reconnect(site, _):
    site.call(Trigger, "reconnect", Trigger.Request())


def move(site, turn):
    """Switches to the same server under another name, and back."""
    site.parameters.set({"host": ("localhost", "127.0.0.1")[turn % 2]})


def pause(site, _):
    site.call(SetBool, "set_enabled", SetBool.Request(data=False))
    for name in NAMES:
        site.statistics.wait_for_state(PAUSED, name)
    site.call(SetBool, "set_enabled", SetBool.Request(data=True))


@pytest.mark.parametrize("leave", [reconnect, move, pause], ids=lambda leave: leave.__name__)
def test_no_frame_is_lost_at_a_disconnect(environment, leave):
    site = ClosingFixture(environment)
    for turn in range(TIMES):
        leave(site, turn)
        site.wait_for_connects(turn + 2)
        site.require_flow()
    message = require_balanced(site.sim.stop(), site.statistics)
    for name in NAMES:
        link = link_of(message, name)
        assert (link.disconnects, link.truncated_frames) == (TIMES + 1, 0)
    assert "were truncated" not in site.bridge.log


def test_no_frame_is_lost_at_a_stop(environment):
    site = ClosingFixture(environment)
    site.bridge.send_signal(signal.SIGTERM)
    assert site.bridge.wait() == 0, site.bridge.log_tail()
    sent = site.sim.stop()
    for name in NAMES:
        (frames,) = re.findall(rf"link {name}: (\d+) messages", site.bridge.log)
        assert int(frames) == sent[name]["delivered"], sent[name]
        assert re.search(rf"link {name}: .* 0 truncated", site.bridge.log), site.bridge.log_tail()


def test_a_truncated_frame_is_counted(environment):
    links = TwoLinks(environment)
    header_of_100_bytes = b"\x82\x64"
    links.output.send_raw(header_of_100_bytes + bytes(10))
    links.output.end_sending()
    link = links.statistics.wait_for_link(lambda link: link.disconnects == 1, "the end", "output")
    assert (link.truncated_frames, link.frames) == (1, 0), link


def test_a_server_that_sends_events_only_gets_one_reconnect(environment):
    """With its stream switched off the server is alive and mostly silent."""
    links = TwoLinks(environment, "events/zone", parameters={"stall_timeout": 0.5, "ping_interval": 0.1})
    links.output_server.client(2)
    for number in range(1, 6):
        links.statistics.wait_for_link(lambda link: link.silent, "the silence", "output")
        links.output.send(outputs.message(outputs.zone_events(number)))
        wait_until(lambda number=number: links["events/zone"].count >= number, f"event {number}")
        links.statistics.wait_for_next()
    link = links.statistics.link("output")
    assert (link.connects, link.stalls) == (2, 1), link
    here = f":{links.output_server.port}/"
    lines = [
        line for line in links.bridge.log.splitlines() if "[ERROR]" in line and "no data for" in line and here in line
    ]
    assert len(lines) == 1, lines
