"""Two links of a bridge whose rcl fails on demand."""

import time

from support import outputs
from support.statistics_reader import topic_of
from support.two_links import TwoLinks

#: rcl/types.h
ERROR, PUBLISHER_INVALID, NODE_INVALID, ALREADY_SHUTDOWN = 1, 300, 200, 106
#: The limit is two seconds; a busy machine needs longer.
EXIT_TIMEOUT = 20.0
#: The watchdog acts after half a minute.
HANG_TIMEOUT = 60.0

#: A topic of each thread that publishes. Clouds are published by the thread that reads them.
THREADS = {"sensr-points": "points/raw", "pub-objects": "objects", "pub-reliable": "events/zone"}


class BreakableLinks(TwoLinks):
    """Two links of a bridge whose rcl fails on demand. `how` is that of `BrokenRcl.environment`."""

    def __init__(self, environment, broken_rcl, stderr=None, **how):
        self.trigger = environment.folder / "broken"
        variables = broken_rcl.environment(self.trigger, **how)
        wrapper = ["env", *(f"{name}={value}" for name, value in variables.items())]
        super().__init__(environment, *THREADS.values(), wrapper=wrapper, stderr=stderr)
        self.feed()
        for topic in THREADS.values():
            self[topic].wait(1)

    def feed(self):
        """Sends a message for each publishing thread."""
        self.send_cloud(1)
        self.output.send(outputs.message(outputs.objects(1)))
        self.output.send(outputs.message(outputs.zone_events(1)))

    def hang_with_clouds(self):
        """Sends a cloud and waits until it hangs in rcl."""
        self.feed()

        def hangs(message):
            # The cloud counts as published, like that of the start, and occupies a place of the queue.
            account, link = topic_of(message), message.links[0]
            return (account.received, account.published, link.queued_frames) == (2, 2, 1)

        self.statistics.wait_until(hangs, "the hanging cloud")

    def break_rcl(self):
        self.trigger.touch()

    def require_exit(self, *words, timeout=EXIT_TIMEOUT, code=1):
        """Waits for the exit and requires its code and words in the log. Returns the time it took."""
        begun = time.monotonic()
        assert self.bridge.wait(timeout) == code, self.bridge.log_tail()
        took = time.monotonic() - begun
        for word in words:
            assert word in self.bridge.log, self.bridge.log_tail()
        return took
