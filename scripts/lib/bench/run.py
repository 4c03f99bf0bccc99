"""One run: server, bridges and sinks."""

import contextlib
import json
import shlex
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import setting
from bench.processes import Process, RunError, Usage
from bench.result import Result, Sent, match_arrivals, read_table

#: Interval of looks at the memory.
SAMPLE_SECONDS = 0.25
#: Longest time after the last frame was sent for it to arrive.
DRAIN_SECONDS = 10.0
#: Time for a bridge to start whose messages are not awaited.
START_SECONDS = 2.0
#: Longest time that a run may take beyond its own.
SURPLUS_SECONDS = 60.0


@dataclass
class Load:
    """Frames that the server sends, and topics that are subscribed to."""

    seconds: float
    #: Points of a cloud; several are the sizes of successive frames.
    points: tuple[int, ...] = (131_072,)
    #: Clouds per second, 0 for as fast as they are read.
    rate: float = 10.0
    #: Number of clouds instead of a time.
    count: int | None = None
    burst: int = 1
    warmup_rate: float = 10.0
    reconnect_every: int | None = None
    pace_mbit: int | None = None
    tls: bool = False
    objects: int = 5
    object_points: int = 0
    #: Number of bridges, each with a server connection and topics of its own.
    bridges: int = 1
    #: Topics that are subscribed to below the namespace of each bridge, with their types.
    subscriptions: tuple[tuple[str, str], ...] = (("points/raw", "sensor_msgs/msg/PointCloud2"),)
    #: Seconds between the first arrival, or the start of the bridge if nothing is subscribed to, and the measured part.
    warmup: float = 2.0
    #: Different frames of each size.
    frames: int = 8
    #: False for a bridge that finds no server: it is measured for `seconds`.
    is_served: bool = True
    #: False for a bridge that publishes nothing, although it is subscribed to.
    is_published: bool = True

    @property
    def has_clouds(self):
        return any(topic == "points/raw" for topic, _ in self.subscriptions)


@dataclass
class Bridge:
    """Command line of a bridge.

    `{host}`, `{points_port}`, `{output_port}`, `{topic}` (of the raw clouds), `{namespace}` and `{ca_file}` are
    replaced.
    """

    name: str
    command: str

    def words(self, **values):
        return [word.format(**values) for word in shlex.split(self.command)]


class Run:
    """Context of one run. Everything that it starts ends with it."""

    def __init__(self, load, bridge, profiles, network=None, startup=30.0):
        self.load = load
        self.bridge = bridge
        self._profiles = profiles
        self._prefix = [] if network is None else network.prefix
        self.startup = startup

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sensr_bench-"))
            self.folder = Path(folder)
            domain = stack.enter_context(setting.reserve_domain())
            self.environment = setting.make_environment(domain, self.folder)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *problem):
        return self._stack.__exit__(*problem)

    def start(self, name, command, profile=None):
        """Starts a process, which ends with the run."""
        environment = self.environment | setting.profile_variables(profile)
        process = Process(name, [*self._prefix, *command], environment, self.folder)
        self._stack.callback(process.stop)
        return process

    def start_subscriber(self, name, command):
        return self.start(name, command, self._profiles.subscriber)

    def namespaces(self):
        return [f"/bench_{number}" for number in range(self.load.bridges)]

    def start_sinks(self):
        """Starts a sink for each type of message, and returns it with the number of its topics."""
        by_type = defaultdict(list)
        for namespace in self.namespaces():
            for topic, message_type in self.load.subscriptions:
                by_type[message_type].append(f"{namespace}/{topic}")
        sinks = []
        for number, (message_type, topics) in enumerate(by_type.items()):
            table = self.folder / f"sink-{number}.csv"
            command = [setting.BENCH, "sink", *topics, "--type", message_type, "--csv", table]
            sinks.append((self.start_subscriber(f"sink-{number}", command), len(topics), table))
        for sink, _, _ in sinks:
            sink.wait_for("READY", self.startup)
        return sinks

    def start_server(self):
        load = self.load
        command = [setting.BENCH, "server", "--csv", self.folder / "server.csv"]
        command += ["--points", ",".join(map(str, load.points)), "--rate", load.rate, "--frames", load.frames]
        command += ["--seconds", load.seconds] if load.count is None else ["--count", load.count]
        command += ["--burst", load.burst, "--warmup-rate", load.warmup_rate, "--clients", load.bridges]
        command += ["--objects", load.objects, "--object-points", load.object_points]
        if load.reconnect_every is not None:
            command += ["--reconnect-every", load.reconnect_every]
        if load.pace_mbit is not None:
            command += ["--pace-mbit", load.pace_mbit]
        if load.tls:
            command += ["--tls", self.folder]
        server = self.start("server", command)
        output_port, *points_ports = map(int, server.wait_for("READY ", self.startup)[0].split())
        return server, points_ports, output_port

    def start_bridges(self, points_ports, output_port):
        bridges = []
        for number, (namespace, points_port) in enumerate(zip(self.namespaces(), points_ports, strict=True)):
            words = self.bridge.words(
                host=setting.HOST,
                points_port=points_port,
                output_port=output_port,
                namespace=namespace,
                topic=f"{namespace}/points/raw",
                ca_file=self.folder / "sensr-ca.crt",
            )
            name = f"{self.bridge.name.replace(' ', '_')}-{number}"
            bridges.append(self.start(name, words, self._profiles.bridge))
        return bridges

    def measure(self, observe=None):
        """Runs, and returns the result. `observe` is called again and again in the measured part."""
        load = self.load
        server, points_ports, output_port = self.start_server()
        sinks = self.start_sinks()
        bridges = self.start_bridges(points_ports, output_port)
        if load.is_published and sinks:
            for sink, topics, _ in sinks:
                sink.wait_for("FIRST", self.startup, topics, bridges)
        else:
            time.sleep(START_SECONDS)
        # A window of time, not a wait for something.
        time.sleep(load.warmup)
        pids = {bridge: bridge.session_pids() for bridge in bridges}
        if load.is_served:
            server.write_line("go")
            server.wait_for("STEADY ", self.startup, load.bridges, bridges)
        usage, begun = total_usage(pids), time.monotonic()
        begun_ns = time.monotonic_ns()
        resident = [(0.0, *total_resident(pids))]

        def is_over():
            if load.is_served:
                return len(server.lines_with("END ")) == load.bridges
            return time.monotonic() - begun >= load.seconds

        while not is_over():
            if (passed := time.monotonic() - begun) > load.seconds + SURPLUS_SECONDS:
                raise RunError(f"{self.bridge.name} has not read all frames after {passed:.0f} s")
            for process in (server, *bridges):
                process.require_alive()
            time.sleep(SAMPLE_SECONDS)
            resident.append((time.monotonic() - begun, *total_resident(pids)))
            if observe is not None:
                observe()
        if load.has_clouds:
            # What is still in sockets and queues belongs to the measured part.
            self._wait_for_last_clouds(server, sinks)
        result = Result(
            bridge=self.bridge.name,
            bridges=load.bridges,
            usage=total_usage(pids) - usage,
            seconds=time.monotonic() - begun,
            resident=resident,
        )
        for bridge in bridges:
            bridge.require_alive()
        self._read_tables(result, sinks, begun_ns)
        return result

    def _wait_for_last_clouds(self, server, sinks):
        """Waits until the last cloud of each bridge has arrived, which no later one can have replaced."""
        last = {(int(client), int(end) - 1) for client, end in map(str.split, server.lines_with("END "))}
        deadline = time.monotonic() + DRAIN_SECONDS
        while last and time.monotonic() < deadline:
            time.sleep(SAMPLE_SECONDS)
            for _, _, table in sinks:
                last -= {(row["topic"], row["number"]) for row in read_table(table)}

    def _read_tables(self, result, sinks, begun_ns):
        for sink, _, _ in sinks:
            sink.interrupt()
        for sink, _, _ in sinks:
            result.invalid += json.loads(sink.wait_for("DONE ", self.startup)[0])["invalid"]
        sent = {}
        for row in read_table(self.folder / "server.csv"):
            key = row["client"], row["number"]
            sent[key] = Sent(row["before_ns"], row["after_ns"], row["points"])
        result.sent = len(sent)
        if sent:
            begin = min(frame.before_ns for frame in sent.values())
            result.sending_seconds = (max(frame.after_ns for frame in sent.values()) - begin) / 1e9
        for _, _, table in sinks:
            rows = read_table(table)
            result.messages += sum(row["arrival_ns"] >= begun_ns for row in rows)
            clouds = [row for row in rows if row["number"] >= 0]
            if clouds:
                match_arrivals(result, sent, clouds)


def total_usage(pids):
    return sum((process.usage(session) for process, session in pids.items()), Usage())


def total_resident(pids):
    parts = [process.resident_bytes(session) for process, session in pids.items()]
    return sum(total for total, _ in parts), sum(shared for _, shared in parts)
