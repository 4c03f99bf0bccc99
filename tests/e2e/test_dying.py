"""Internal failures: the node exits with a code and the reason, so that it can be started again.

It never keeps running without doing its work.
"""

import signal

import pytest

from support.breakable_links import (
    ALREADY_SHUTDOWN,
    ERROR,
    HANG_TIMEOUT,
    NODE_INVALID,
    PUBLISHER_INVALID,
    THREADS,
    BreakableLinks,
)
from support.broken_rcl import UNKNOWN_CODE
from support.statistics_reader import topic_of
from support.summary_notes import add_note


@pytest.mark.parametrize("thread", THREADS)
def test_a_panic_of_a_publishing_thread_ends_the_process(environment, broken_rcl, thread):
    links = BreakableLinks(environment, broken_rcl, thread=thread, publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_rcl()
    links.feed()
    took = links.require_exit(f"the {thread} thread ended: ", str(UNKNOWN_CODE))
    add_note(f"dying: panic in {thread}, exit code 1 after {took:.2f} s")


def test_a_panic_of_the_main_thread_ends_the_process(environment, broken_rcl):
    """The main thread publishes the statistics. The exit code is that of Rust's runtime."""
    links = BreakableLinks(environment, broken_rcl, thread="sensr_bridge", publish=UNKNOWN_CODE)
    links.bridge.may_panic = True
    links.break_rcl()
    took = links.require_exit(str(UNKNOWN_CODE), code=101)
    add_note(f"dying: panic in the main thread, exit code 101 after {took:.2f} s")


def test_a_hanging_main_thread_ends_the_process_and_gives_no_sign_of_life(environment, broken_rcl, service_manager):
    links = BreakableLinks(environment, broken_rcl, thread="sensr_bridge", publish="hang")
    service_manager.wait_for("WATCHDOG=1", 3)
    alive = service_manager.count("WATCHDOG=1")
    links.break_rcl()
    took = links.require_exit("the main thread hangs", timeout=HANG_TIMEOUT)
    # In half a minute, of five a second: those until the next statistics.
    assert service_manager.count("WATCHDOG=1") <= alive + 3
    add_note(f"dying: the main thread hangs, exit code 1 after {took:.1f} s")


def test_a_stop_while_the_main_thread_hangs(environment, broken_rcl):
    links = BreakableLinks(environment, broken_rcl, thread="sensr_bridge", publish="hang")
    links.break_rcl()
    # The thread hangs with the next statistics, within a tenth of a second. An earlier stop is as good.
    links.bridge.send_signal(signal.SIGTERM)
    links.bridge.expected_exit = None
    assert links.bridge.wait() in (0, 1), links.bridge.log_tail()


@pytest.mark.parametrize("code", [PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN])
def test_an_invalid_publisher_ends_the_process(environment, broken_rcl, code):
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish=code)
    links.break_rcl()
    links.feed()
    took = links.require_exit("the pub-points thread ended: points/raw: publisher or context is no longer valid")
    add_note(f"dying: rcl code {code}, exit code 1 after {took:.2f} s")


def test_a_transient_error_costs_only_its_message(environment, broken_rcl):
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish=ERROR)
    links.break_rcl()
    links.send_cloud(2)
    links.statistics.wait_until(lambda message: topic_of(message).dropped == 1, "the loss")
    links.trigger.unlink()
    links.send_cloud(3)
    links.bridge.wait_until(lambda: 3 in links["points/raw"].messages, "the next cloud")
    assert "points/raw: the middleware refused a message" in links.bridge.log


def test_a_failing_rcl_wait_ends_the_process(environment, broken_rcl):
    links = BreakableLinks(environment, broken_rcl, wait=ERROR)
    links.break_rcl()
    took = links.require_exit("rcl_wait keeps failing")
    add_note(f"dying: rcl_wait fails, exit code 1 after {took:.2f} s")


def test_a_hanging_publisher_ends_the_process_and_soon_gives_no_sign_of_life(environment, broken_rcl, service_manager):
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish="hang")
    service_manager.wait_for("WATCHDOG=1", 3)
    alive = service_manager.count("WATCHDOG=1")
    links.break_rcl()
    links.feed()
    took = links.require_exit("the pub-points thread hangs", timeout=HANG_TIMEOUT)
    # In half a minute, of five a second: those of the first five seconds.
    assert service_manager.count("WATCHDOG=1") < alive + 60
    add_note(f"dying: a hanging publisher, exit code 1 after {took:.1f} s")


def test_a_stop_while_a_publisher_hangs(environment, broken_rcl):
    links = BreakableLinks(environment, broken_rcl, thread="sensr-points", publish="hang")
    links.break_rcl()
    links.hang_with_clouds()
    links.bridge.send_signal(signal.SIGTERM)
    took = links.require_exit("the sensr-points thread hangs")
    add_note(f"dying: SIGTERM with a hanging publisher, exit code 1 after {took:.1f} s")
