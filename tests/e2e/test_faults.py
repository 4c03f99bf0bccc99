"""Every fault of the simulator, one by one: valid data flow again afterwards, and the counts agree to the frame."""

import signal
import time
from dataclasses import dataclass, field

import pytest

from support.balance import require_balanced
from support.polling import wait_until
from support.statistics_reader import CONNECTED, link_of, topic_of
from support.summary_notes import add_note
from support.topic_table import TOPICS

SCENE = ("--scene", "street", "--points", 2000, "--rate", 20)
NAMES = ("points", "output")
OTHER = {"points": "output", "output": "points"}
FLOW = {"points": "points/raw", "output": "objects"}
#: Short enough for tests of a stall, long enough for a busy machine.
STALL_SECONDS = 3.0
#: Allowed growth of memory by a fault.
SLACK_BYTES = 24 << 20


@dataclass
class Case:
    """Expected effect of a fault on its link."""

    fault: str
    #: Number of disconnects; None if it varies.
    disconnects: int | None = 0
    #: Words of the last error of the link.
    words: tuple = ()
    #: Changes of the link's other counts.
    figures: dict = field(default_factory=dict)
    links: tuple = NAMES
    #: Time until data flow again after the fault is over, in seconds, on an idle machine.
    stated: float = 1.0


CASES = [
    Case("refuse {} for 1", 1, ("refused",)),
    Case("restart {} for 1", 1, ("refused",)),
    Case("mute {} for 1", 1),
    Case("reject {} for 1", 1, ("503",)),
    Case("cut {}", 1, ("connection lost",)),
    Case("stall {} for 1"),
    Case(f"stall {{}} for {4 * STALL_SECONDS}", 1, ("connection dead",), {"stalls": 1}, stated=4 * STALL_SECONDS),
    Case("halfopen {}", 1, ("connection dead",), {"stalls": 1}),
    Case("silent {} for 1"),
    Case(f"silent {{}} for {6 * STALL_SECONDS}", 1, ("no data",), {"stalls": 1}, stated=6 * STALL_SECONDS),
    Case("garbage {}", figures={"undecodable_frames": 1}),
    Case("truncated {}", figures={"undecodable_frames": 1}),
    Case("text {}", figures={"text_frames": 1}),
    Case("nonsense {}", 1, ("connection lost",)),
    Case("oversized {}", 1, ("max_message_bytes",), {"oversized_frames": 1}),
    Case("fragmented {} for 1"),
    Case("pings {}"),
    Case("drip {} for 1"),
    Case(f"drip {{}} for {1.5 * STALL_SECONDS}", stated=2 * STALL_SECONDS),
    Case("overflow {}", 1, ("1011", "Writing buffer is full", "dropped data"), {"server_overflows": 1}),
    Case("close {}", 1, ("code 1000",)),
    Case("clock {} for 100", links=("output",)),
    Case("clock {} for -100", links=("output",)),
    Case("empty {}", links=("points",)),
    Case("nan {}", links=("points",)),
]


class FaultFixture:
    """A simulator with a control input, a bridge, and subscriptions to its topics."""

    def __init__(self, environment, *args, parameters=None):
        self.observer = environment.observer()
        self.statistics = environment.statistics(self.observer)
        known = TOPICS["objects"]
        self.inboxes = {
            "points": self.observer.subscribe_clouds(keep=lambda cloud: (cloud.width, cloud.is_dense)),
            "output": self.observer.subscribe("objects", known.kind, known.subscription_qos(), keep=lambda _: True),
        }
        self.sim = environment.sim(*SCENE, *args, control=True)
        patience = {"stall_timeout": STALL_SECONDS, "ping_interval": STALL_SECONDS / 6}
        self.bridge = environment.bridge(
            self.sim.points_port, patience | (parameters or {}), output_port=self.sim.output_port
        )
        self.observer.wait_for_match(self.statistics.inbox, *self.inboxes.values())
        for name in NAMES:
            self.require_flow(name)

    def require_flow(self, name):
        """Waits for new messages."""
        inbox = self.inboxes[name]
        inbox.wait(inbox.count + 3)


@pytest.mark.parametrize(
    ("case", "link"),
    [pytest.param(case, link, id=case.fault.format(link).replace(" ", "_")) for case in CASES for link in case.links],
)
def test_data_flow_again_after_a_fault_and_the_counts_agree(environment, case, link):
    site = FaultFixture(environment)
    before = site.statistics.wait_for_next()
    memory_before = site.bridge.memory_bytes()
    site.sim.run_fault(case.fault.format(link))
    recovered = time.monotonic()
    site.require_flow(link)
    took = time.monotonic() - recovered
    site.require_flow(OTHER[link])
    site.statistics.wait_for_state(CONNECTED, link)
    memory_after = site.bridge.memory_bytes()

    message = require_balanced(site.sim.stop(), site.statistics)
    require_figures(case, link_of(before, link), link_of(message, link))
    require_words(case, site, link)
    if case.disconnects:
        # The second disconnect is the end of the simulator.
        assert link_of(message, link).disconnects == case.disconnects + 1
    assert link_of(message, OTHER[link]).disconnects == 1, "the other link was lost, too"
    assert memory_after < memory_before + SLACK_BYTES, (memory_before, memory_after)
    add_note(
        f"fault {case.fault.format(link)}: data {took:.2f} s after the server was well again (stated: "
        f"{case.stated:g} s), memory {(memory_after - memory_before) / 1e6:+.1f} MB"
    )


def require_figures(case, before, after):
    for name in ("undecodable_frames", "text_frames", "oversized_frames", "stalls", "server_overflows"):
        change = getattr(after, name) - getattr(before, name)
        assert change == case.figures.get(name, 0), (name, change)


def require_words(case, site, link):
    """Requires that the log names the fault, and a loss of data as an error."""
    port = getattr(site.sim, f"{link}_port")
    lines = [line for line in site.bridge.log.splitlines() if f":{port}/" in line]
    assert any(all(word in line for word in case.words) for line in lines), (case.words, lines)
    is_loss = any("[ERROR]" in line and "dropped data" in line for line in lines)
    assert is_loss == ("dropped data" in case.words), lines


def test_empty_clouds_and_coordinates_that_are_not_finite_are_published(environment):
    site = FaultFixture(environment)
    site.sim.run_fault("empty points")
    wait_until(lambda: any(width == 0 for width, _ in site.inboxes["points"].messages), "the empty cloud")
    site.sim.run_fault("nan points")
    wait_until(lambda: any(not is_dense for _, is_dense in site.inboxes["points"].messages), "the cloud with NaN")
    message = require_balanced(site.sim.stop(), site.statistics)
    assert topic_of(message).empty == 1


def test_a_jump_of_the_servers_clock_is_counted(environment):
    site = FaultFixture(environment)
    site.statistics.wait_until(lambda message: message.clock.known, "the offset before")
    site.sim.run_fault("clock output for 100")
    site.statistics.wait_until(lambda message: message.clock.jumps == 1, "the jump")
    site.sim.run_fault("clock output for -100")
    site.statistics.wait_until(lambda message: message.clock.jumps == 2, "the jump back")
    require_balanced(site.sim.stop(), site.statistics)


def test_a_suspended_bridge_reads_the_backlog_when_it_resumes(environment):
    """After a sleep of the machine, a debugger or a frozen container the server seems to have been silent."""
    site = FaultFixture(environment)
    before = site.statistics.wait_for_next()
    site.bridge.send_signal(signal.SIGSTOP)
    time.sleep(2 * STALL_SECONDS)  # The duration is the point of the test.
    site.bridge.send_signal(signal.SIGCONT)
    for name in NAMES:
        site.require_flow(name)
    message = require_balanced(site.sim.stop(), site.statistics)
    for name in NAMES:
        assert link_of(message, name).stalls == link_of(before, name).stalls, "the link was taken for stalled"
        assert link_of(message, name).disconnects == 1


def test_a_fault_of_both_links_at_once(environment):
    site = FaultFixture(environment)
    for fault in ("cut both", "restart both for 0.5", "overflow both", "halfopen both", "stall both for 0.5"):
        site.sim.run_fault(fault)
        for name in NAMES:
            site.require_flow(name)
    require_balanced(site.sim.stop(), site.statistics)
