"""Stand-in for a bridge and its recorder: publishes what they tell about themselves, as a test sets it."""

import threading
import time

from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensr_bridge.msg import (
    BridgeStatistics,
    LinkStatistics,
    RecordingStatus,
    StageStatistics,
    TopicStatistics,
    ZoneEvent,
)

from support.topic_table import TOPICS

PERIOD = 0.2
#: Frames per second and bytes of a frame.
RATE = 20
FRAME_BYTES = {"points": 1_900_000, "output": 12_000}
#: So old that monitors subscribe to its events at once.
FIRST_UPTIME = 3600.0


def _time(seconds: float) -> Time:
    return Time(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))


def _duration(seconds: float) -> Duration:
    return Duration(sec=int(seconds), nanosec=int(seconds % 1 * 1e9))


def _status(name: str, level: bytes, message: str) -> DiagnosticStatus:
    return DiagnosticStatus(name=name, level=level, message=message)


class StandinSite:
    """A bridge and a recorder that publish five times a second until they are closed."""

    def __init__(self, environment, namespace: str):
        self.namespace = namespace
        self._observers = [
            environment.observer(name=name, namespace=namespace) for name in ("sensr_bridge", "sensr_recorder")
        ]
        bridge, recorder = (observer.node for observer in self._observers)
        self._statistics = bridge.create_publisher(BridgeStatistics, "statistics", 10)
        self._events = bridge.create_publisher(ZoneEvent, "events/zone", 100)
        self._diagnostics = bridge.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._recording = recorder.create_publisher(RecordingStatus, "recording", 10)
        self._lock = threading.Lock()
        self._start = time.time()
        #: Messages of each topic that the queue dropped.
        self.dropped = dict.fromkeys(TOPICS, 0)
        self.links = {name: self._link(name) for name in FRAME_BYTES}
        self.statuses: dict[str, tuple[bytes, str]] = {"points link": (DiagnosticStatus.OK, "connected")}
        self.recording = self._healthy_recording()
        self._events_sent = 0
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"stand-in {namespace}")
        self._thread.start()

    def _link(self, name: str) -> LinkStatistics:
        return LinkStatistics(
            name=name,
            url="ws://192.0.2.10:5051/",
            state=LinkStatistics.STATE_CONNECTED,
            state_since=_time(self._start - 600.0),
            connects=1,
            queue_max_bytes=64_000_000,
            queued_bytes=1_000_000,
            reliable_queue_max_bytes=16_000_000 if name == "output" else 0,
        )

    def _healthy_recording(self) -> RecordingStatus:
        return RecordingStatus(
            state=RecordingStatus.STATE_RECORDING,
            split="site_20261128_140000_3.mcap",
            splits_opened=4,
            split_since=_time(self._start - 90.0),
            split_bytes=3_400_000_000,
            closed_splits=12,
            closed_bytes=150_000_000_000,
            bytes_per_second=38.2e6,
            disk_free_bytes=120_000_000_000,
            disk_size_bytes=500_000_000_000,
            min_free_bytes=5_000_000_000,
            time_left=_duration(3010.0),
            recorder_pid=4711,
            recorder_rss_bytes=81_000_000,
            recorder_starts=1,
        )

    def change(self, change):
        """Calls `change` with this site between two messages."""
        with self._lock:
            change(self)

    def break_output_link(self):
        def change(site):
            link = site.links["output"]
            link.state = LinkStatistics.STATE_BACKOFF
            link.state_since = _time(time.time())
            link.disconnects = 1
            link.last_error = "connection refused: SENSR does not run, or its output port is another one"
            site.statuses["output link"] = (DiagnosticStatus.ERROR, f"disconnected: {link.last_error}")

        self.change(change)

    def overload_queue(self):
        def change(site):
            site.links["points"].queued_bytes = 63_900_000
            site.dropped["points/raw"] = 37
            message = "37 messages of points/raw dropped from the full queue within 10 s"
            site.statuses["loss"] = (DiagnosticStatus.ERROR, message)

        self.change(change)

    def kill_sensor(self, node: str = "node 서버_1", sensors=("sensor 라이다_1", "sensor 라이다_2")):
        """Reports a node with sensors, the last of which is dead."""

        def change(site):
            tasks = [node, *(f"{node} {sensor}" for sensor in sensors)]
            site.statuses |= dict.fromkeys(tasks, (DiagnosticStatus.OK, "ALIVE"))
            site.statuses[tasks[-1]] = (DiagnosticStatus.ERROR, "DEAD")

        self.change(change)

    def fill_disk(self):
        def change(site):
            site.recording.state = RecordingStatus.STATE_DISK_FULL
            site.recording.reason = "4.9 GB are free and 5 GB are to remain free; delete files"
            site.recording.disk_free_bytes = 4_900_000_000
            site.recording.bytes_per_second = 0.0
            site.recording.time_left = _duration(0.0)
            site.recording.missing = 12
            site.statuses["recording"] = (DiagnosticStatus.ERROR, f"disk full: {site.recording.reason}")

        self.change(change)

    def send_event(self, object_id: int):
        """Publishes that an object has entered zone 3."""
        event = ZoneEvent(zone_id=3, type=ZoneEvent.TYPE_ENTRY, object_id=object_id)
        event.header.stamp = _time(time.time())
        self._events.publish(event)

    @property
    def has_event_subscriber(self) -> bool:
        return self._events.get_subscription_count() > 0

    def _run(self):
        while not self._is_closed.wait(PERIOD):
            with self._lock:
                self._publish(time.time())

    def _publish(self, now: float):
        elapsed = now - self._start
        frames = int(elapsed * RATE)
        for name, link in self.links.items():
            link.frames = frames
            link.bytes = frames * FRAME_BYTES[name]
        message = BridgeStatistics(version="0.1.0", uptime=_duration(FIRST_UPTIME + elapsed))
        message.header.stamp = _time(now)
        message.links = list(self.links.values())
        message.topics = [self._topic(index, topic, frames) for index, topic in enumerate(TOPICS)]
        message.stages = [
            StageStatistics(link=link, stage=stage, count=RATE, min_ns=100_000, mean_ns=1_230_000, max_ns=9_870_000)
            for link in FRAME_BYTES
            for stage in ("decode", "wait", "convert", "publish", "total")
        ]
        message.clock.known = True
        message.clock.offset_ns = 12_300_000
        message.clock.spread_ns = 410_000
        message.rss_bytes = 61_600_000
        message.rss_peak_bytes = 64_000_000
        message.memory_bound_bytes = 310_000_000
        self._statistics.publish(message)
        self.recording.header.stamp = _time(now)
        self._recording.publish(self.recording)
        diagnostics = DiagnosticArray()
        diagnostics.header.stamp = _time(now)
        node = f"{self.namespace.rstrip('/')}/sensr_bridge"
        diagnostics.status = [
            _status(f"{node}: {task}", level, message) for task, (level, message) in self.statuses.items()
        ]
        self._diagnostics.publish(diagnostics)

    def _topic(self, index: int, topic: str, frames: int) -> TopicStatistics:
        received = frames // (index + 1)
        dropped = min(self.dropped[topic], received)
        return TopicStatistics(
            topic=topic,
            received=received,
            published=received - dropped,
            dropped=dropped,
        )

    def close(self):
        self._is_closed.set()
        self._thread.join()
