"""Reliable topics keep the newest `qos.depth` clouds for a subscriber that lags behind: where losses begin."""

import signal

import pytest

from support import points_encoder
from support.polling import wait_until
from support.statistics_reader import link_of, topic_of
from support.summary_notes import add_note

DEPTH = 20
#: Larger than what the kernel and Fast DDS hold for a suspended process beside the history of the publisher.
MANY = 50 * DEPTH
POINTS = 5_000


@pytest.fixture
def lagging(environment):
    """A bridge and a subscriber in a process of its own, which have discovered each other."""
    return LaggingSubscriber(environment)


class LaggingSubscriber:
    """Subscriber that is suspended while clouds are sent."""

    def __init__(self, environment):
        self._server = environment.server()
        observer = environment.observer()
        self._statistics = environment.statistics(observer)
        environment.bridge(self._server.port, {"qos.depth": DEPTH, "queue_max_bytes": 256 << 20})
        observer.wait_for_match(self._statistics.inbox)
        self._process = environment.python(
            "subscriber", "-m", "support.numbered_subscriber", "/points/raw", str(MANY + DEPTH)
        )
        self._client = self._server.client()

        def arrives():
            self._send(0)
            return self.numbers()

        wait_until(arrives, "a first cloud")

    def _send(self, number):
        self._client.send(points_encoder.numbered_cloud(number, points=POINTS))

    def numbers(self):
        return [int(line) for line in self._process.stdout.splitlines()]

    def receive_after_suspension(self, count):
        """Sends clouds from number 1 on while the subscriber is suspended, and one more when it has been resumed.

        Returns the numbers of those that arrived, and how many the bridge published and dropped meanwhile.
        """
        before = self._statistics.wait_until_settled()
        self._process.send_signal(signal.SIGSTOP)
        for number in range(1, count + 1):
            self._send(number)
        frames = link_of(before).frames + count
        self._statistics.wait_for_link(lambda link: link.frames == frames, "all frames")
        after = topic_of(self._statistics.wait_until_settled())
        self._process.send_signal(signal.SIGCONT)
        # The middleware delivers in order: what is kept for the subscriber arrives before this one.
        self._send(count + 1)
        wait_until(lambda: count + 1 in self.numbers(), "the last cloud")
        arrived = [number for number in self.numbers() if 0 < number <= count]
        begun = topic_of(before)
        return arrived, after.published - begun.published, after.dropped - begun.dropped


def test_nothing_is_lost_to_a_subscriber_that_lags_behind_by_less_than_the_depth(lagging):
    # One less, because the cloud that ends the test takes a place in the history too.
    arrived, published, dropped = lagging.receive_after_suspension(DEPTH - 1)
    assert (published, dropped) == (DEPTH - 1, 0)
    assert arrived == list(range(1, DEPTH))


def test_published_counts_clouds_that_a_subscriber_far_behind_never_gets(lagging):
    """`published` means handed to the middleware, which overwrites its oldest clouds without saying so."""
    arrived, published, dropped = lagging.receive_after_suspension(MANY)
    assert (published, dropped) == (MANY, 0)
    assert arrived == sorted(set(arrived))
    lost = MANY - len(arrived)
    assert lost > 0
    # Of the newest, no more than the depth less one is certain, see above.
    assert arrived[1 - DEPTH :] == list(range(MANY - DEPTH + 2, MANY + 1))
    add_note(
        f"subscriber suspended for {MANY} clouds, qos.depth {DEPTH}: {len(arrived)} arrived, {lost} overwritten by the "
        "middleware and counted as published"
    )
