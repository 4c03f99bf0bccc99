"""What the node stands on breaks: it ends with a code and the reason, so that it can be started again. Never alive
and deaf."""

import signal
import time

import pytest

from support import outputs
from support.broken_rcl import UNKNOWN_CODE
from support.statistics_reader import topic_of
from support.summary_notes import add_note
from support.two_links import TwoLinks

#: rcl/types.h
ERROR, PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN = 1, 300, 200, 106
#: It is to take less than two seconds; a busy machine adds to them.
PATIENCE = 20.0
#: A thread that hangs is given half a minute.
HANG_PATIENCE = 60.0

THREADS = {"pub-points": "points/raw", "pub-objects": "objects", "pub-reliable": "events/zone"}


class Breakable(TwoLinks):
    """A bridge whose rcl breaks when it is told to."""

    def __init__(self, environment, broken_rcl, **how):
        self.trigger = environment.folder / "broken"
        variables = broken_rcl.environment(self.trigger, **how)
        wrapper = ["env", *(f"{name}={value}" for name, value in variables.items())]
        super().__init__(environment, *THREADS.values(), wrapper=wrapper)
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
        assert self.bridge.wait(patience) == code, self.bridge.log_tail()
        took = time.monotonic() - begun
        for word in words:
            assert word in self.bridge.log, self.bridge.log_tail()
        return took


@pytest.mark.parametrize("thread", THREADS)
def test_a_panic_of_a_publisher(environment, broken_rcl, thread):
    links = Breakable(environment, broken_rcl, thread=thread, publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_it()
    links.feed()
    took = links.require_death(f"the {thread} thread ended: ", str(UNKNOWN_CODE))
    add_note(f"dying: panic in {thread}, exit code 1 after {took:.2f} s")


def test_a_panic_of_the_main_thread(environment, broken_rcl):
    """It publishes the statistics. The code is Rust's own."""
    links = Breakable(environment, broken_rcl, thread="sensr_bridge", publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_it()
    took = links.require_death(str(UNKNOWN_CODE), code=101)
    add_note(f"dying: panic in the main thread, exit code 101 after {took:.2f} s")


def test_a_main_thread_that_hangs(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="sensr_bridge", publish="hang")
    links.break_it()
    took = links.require_death("the main thread hangs", patience=HANG_PATIENCE)
    add_note(f"dying: the main thread hangs, exit code 1 after {took:.1f} s")


def test_a_stop_while_the_main_thread_hangs(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="sensr_bridge", publish="hang")
    links.break_it()
    # It hangs at the latest with the next statistics, a tenth of a second from now; stopping it before is as good.
    links.bridge.send_signal(signal.SIGTERM)
    links.bridge.expected_exit = None
    assert links.bridge.wait() in (0, 1), links.bridge.log_tail()


@pytest.mark.parametrize("code", [PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN])
def test_a_publisher_that_is_gone(environment, broken_rcl, code):
    links = Breakable(environment, broken_rcl, thread="pub-points", publish=code)
    links.break_it()
    links.feed()
    took = links.require_death("the pub-points thread ended: points/raw: the middleware takes nothing any more")
    add_note(f"dying: rcl code {code}, exit code 1 after {took:.2f} s")


def test_an_error_that_may_pass_costs_its_message_only(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="pub-points", publish=ERROR)
    links.break_it()
    links.send_cloud(2)
    links.statistics.wait_until(lambda message: topic_of(message).dropped == 1, "the loss")
    links.trigger.unlink()
    links.send_cloud(3)
    links.bridge.wait_until(lambda: 3 in links["points/raw"].messages, "the next cloud")
    assert "points/raw: the middleware refused a message" in links.bridge.log


def test_an_rcl_that_does_not_wait_any_more(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, wait=ERROR)
    links.break_it()
    took = links.require_death("rcl_wait keeps failing")
    add_note(f"dying: rcl_wait fails, exit code 1 after {took:.2f} s")


def test_a_publisher_that_hangs(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="pub-points", publish="hang")
    links.break_it()
    # One that hangs, and one that waits behind it.
    links.feed()
    links.feed()
    took = links.require_death("the pub-points thread hangs", patience=HANG_PATIENCE)
    add_note(f"dying: a hanging publisher, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs(environment, broken_rcl):
    links = Breakable(environment, broken_rcl, thread="pub-points", publish="hang")
    links.break_it()
    links.feed()
    links.send_cloud(2)
    links.statistics.wait_until(lambda message: topic_of(message).queued == 2, "the hanging clouds")
    links.bridge.send_signal(signal.SIGTERM)
    took = links.require_death("the pub-points thread hangs")
    add_note(f"dying: SIGTERM with a hanging publisher, exit code 1 after {took:.1f} s")
