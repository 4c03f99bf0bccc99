"""What the node stands on breaks: it ends with a code and the reason, so that it can be started again. Never alive
and deaf."""

import signal
import time

import pytest

import outputs
from broken_rcl import UNHEARD_OF
from ledger import topic_of
from pair import Pair
from report import note

#: rcl/types.h
ERROR, PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN = 1, 300, 200, 106
#: It is to take less than two seconds; a busy machine adds to them.
PATIENCE = 20.0
#: A thread that hangs is given half a minute.
HANG_PATIENCE = 60.0

THREADS = {"pub-points": "points/raw", "pub-objects": "objects", "pub-events": "events/zone"}


class Breakable(Pair):
    """A bridge whose rcl breaks when it is told to."""

    def __init__(self, rig, broken_rcl, **how):
        self.trigger = rig.folder / "broken"
        environment = broken_rcl.environment(self.trigger, **how)
        wrapper = ["env", *(f"{name}={value}" for name, value in environment.items())]
        super().__init__(rig, *THREADS.values(), wrapper=wrapper)
        self.feed()
        for topic in THREADS.values():
            self[topic].wait(1)

    def feed(self):
        """Something for each thread."""
        self.send_cloud(1)
        self.output.send(outputs.message(outputs.objects(1)))
        self.output.send(outputs.message(outputs.zone_events(1)))

    def break_it(self):
        self.trigger.touch()

    def require_death(self, *words, patience=PATIENCE, code=1):
        begun = time.monotonic()
        assert self.bridge.wait(patience) == code, self.bridge.tail()
        took = time.monotonic() - begun
        for word in words:
            assert word in self.bridge.log, self.bridge.tail()
        return took


@pytest.mark.parametrize("thread", THREADS)
def test_a_panic_of_a_publisher(rig, broken_rcl, thread):
    pair = Breakable(rig, broken_rcl, thread=thread, publish=UNHEARD_OF)
    pair.bridge.may_panic = True
    pair.break_it()
    pair.feed()
    took = pair.require_death(f"the {thread} thread ended: ", str(UNHEARD_OF))
    note(f"dying: panic in {thread}, exit code 1 after {took:.2f} s")


def test_a_panic_of_the_main_thread(rig, broken_rcl):
    """It publishes the statistics. The code is Rust's own."""
    pair = Breakable(rig, broken_rcl, thread="sensr_bridge", publish=UNHEARD_OF)
    pair.bridge.may_panic = True
    pair.break_it()
    took = pair.require_death(str(UNHEARD_OF), code=101)
    note(f"dying: panic in the main thread, exit code 101 after {took:.2f} s")


def test_a_main_thread_that_hangs(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="sensr_bridge", publish="hang")
    pair.break_it()
    took = pair.require_death("the main thread hangs", patience=HANG_PATIENCE)
    note(f"dying: the main thread hangs, exit code 1 after {took:.1f} s")


def test_a_stop_while_the_main_thread_hangs(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="sensr_bridge", publish="hang")
    pair.break_it()
    # It hangs at the latest with the next statistics, a tenth of a second from now; stopping it before is as good.
    pair.bridge.signal(signal.SIGTERM)
    pair.bridge.expected_exit = None
    assert pair.bridge.wait() in (0, 1), pair.bridge.tail()


@pytest.mark.parametrize("code", [PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN])
def test_a_publisher_that_is_gone(rig, broken_rcl, code):
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish=code)
    pair.break_it()
    pair.feed()
    took = pair.require_death("the pub-points thread ended: points/raw: publisher or context is no longer valid")
    note(f"dying: rcl code {code}, exit code 1 after {took:.2f} s")


def test_an_error_that_may_pass_costs_its_message_only(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish=ERROR)
    pair.break_it()
    pair.send_cloud(2)
    pair.statistics.until(lambda message: topic_of(message).dropped == 1, "the loss")
    pair.trigger.unlink()
    pair.send_cloud(3)
    pair.bridge.until(lambda: 3 in pair["points/raw"].messages, "the next cloud")
    assert "points/raw: the middleware refused a message" in pair.bridge.log


def test_an_rcl_that_does_not_wait_any_more(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, wait=ERROR)
    pair.break_it()
    took = pair.require_death("ROS does not wait for requests any more")
    note(f"dying: rcl_wait fails, exit code 1 after {took:.2f} s")


def test_a_publisher_that_hangs(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish="hang")
    pair.break_it()
    # One that hangs, and one that waits behind it.
    pair.feed()
    pair.feed()
    took = pair.require_death("the pub-points thread hangs", patience=HANG_PATIENCE)
    note(f"dying: a hanging publisher, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs(rig, broken_rcl):
    pair = Breakable(rig, broken_rcl, thread="pub-points", publish="hang")
    pair.break_it()
    pair.feed()
    pair.send_cloud(2)
    pair.statistics.until(lambda message: topic_of(message).queued == 2, "the hanging clouds")
    pair.bridge.signal(signal.SIGTERM)
    took = pair.require_death("the pub-points thread hangs")
    note(f"dying: SIGTERM with a hanging publisher, exit code 1 after {took:.1f} s")
