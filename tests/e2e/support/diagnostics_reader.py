"""Two links with an observer of the bridge's diagnostics."""

import itertools

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from support import outputs, ros_observer
from support.polling import wait_until
from support.two_links import TwoLinks

#: Statuses in every message, from the first one on.
ALWAYS = ["points link", "output link", "loss", "clock", "memory", "log", "duplicate bridge", "shared memory", "server"]


class LinksWithDiagnostics(TwoLinks):
    """Two links and a subscription to /diagnostics."""

    def __init__(self, environment, *topics, node="/sensr_bridge", **options):
        super().__init__(environment, *topics, **options)
        self.node = node
        self.inbox = self.observer.subscribe("/diagnostics", DiagnosticArray, ros_observer.qos())
        self._numbers = itertools.count()

    def latest(self):
        """Returns the latest statuses by task."""
        found = {}
        for status in self.inbox.messages[-1].status:
            node, _, task = status.name.partition(": ")
            assert node == self.node and task not in found, status.name
            assert status.hardware_id == "127.0.0.1"
            found[task] = status
        return found

    def wait_until(self, task, level, *words, feed=True):
        """Waits until the status of a task has a level and words in its message.

        Sends data meanwhile, because a silent link is a fault; not if `feed` is false.
        """

        def holds():
            if feed:
                number = next(self._numbers)
                self.send_cloud(number)
                self.output.send(outputs.message(outputs.objects(number)))
            status = self.inbox.messages and self.latest().get(task)
            return status and status.level == level and all(word in status.message for word in words) and status

        def shown():
            return f"{task} of level {level} with {words}: {self.inbox.messages and self.latest().get(task)}"

        return wait_until(holds, shown, timeout=60.0)


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Returns the values of a status by key."""
    found = {entry.key: entry.value for entry in status.values}
    assert len(found) == len(status.values), "a key twice"
    return found
