"""Cache of messages between DDS and the disk, written by a thread of its own."""

import threading
import time
from collections import deque

from standin.log import log

#: Interval at which a writer that is not to write looks whether it may again.
_POLL_SECONDS = 0.05


class Cache:
    """Queue of writes, bounded in bytes. What does not fit is lost, counted by topic and reported at splits.

    The stock recorder has two buffers of the given size, one that fills while the other one is written.
    """

    def __init__(self, max_bytes, faults):
        self._max_bytes = 2 * max_bytes
        self._faults = faults
        self._items = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._received = {}
        self._lost = {}
        #: Exception that ended the thread.
        self.failure = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    @property
    def received(self):
        """Returns the number of messages that have been received, the lost ones included."""
        return sum(self._received.values())

    def put(self, write, size=0):
        """Queues a function that writes so many bytes. Those without bytes are never lost."""
        with self._changed:
            self._items.append((write, size))
            self._bytes += size
            self._changed.notify()

    def put_message(self, topic, write, size):
        """Queues the writing of a message, or loses it."""
        number = self._received.get(topic, 0) + 1
        self._received[topic] = number
        if self._faults.loses(number) or (self._bytes and self._bytes + size > self._max_bytes):
            self._lost[topic] = self._lost.get(topic, 0) + 1
            return
        self.put(write, size)

    def report_lost(self):
        """Reports the messages lost since the start, in the words of the stock recorder."""
        lost = dict(self._lost)
        if lost:
            topics = "".join(f"\n\t{topic}: {count}" for topic, count in sorted(lost.items()))
            total = sum(lost.values())
            log("WARN", f"Cache buffers lost messages per topic: {topics}\nTotal lost: {total}", "rosbag2_cpp")

    def close(self):
        """Writes what is queued, unless nothing is to be written, and ends the thread. Returns whether it wrote."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        return not self._items and not self.failure

    def _run(self):
        try:
            while self._write_next():
                pass
        except Exception as failure:
            self.failure = failure

    def _write_next(self):
        """Writes one item. Returns false at the end."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._items or self._closing, timeout=1.0):
                return True
            if not self._items:
                return False
        if self._faults.has_stopped_writing:
            time.sleep(_POLL_SECONDS)
            return not self._closing
        with self._changed:
            write, size = self._items.popleft()
        write()
        time.sleep(self._faults.write_delay(size))
        with self._changed:
            self._bytes -= size
        return True
