"""The cases that scripts/bench measures, and the goals that are compared with them."""

from dataclasses import dataclass, replace

from bench import setting
from bench.run import Bridge, Load

OBJECTS = ("objects", "sensr_bridge/msg/ObjectArray")
MARKERS = ("markers/objects", "visualization_msgs/msg/MarkerArray")

FLOOR = "floor"
PAUSED_FLOOR = "floor, pause 2 ms"
NODE = "sensr_bridge"
PEER = "peer"
MANY = 16


@dataclass
class Variant:
    """A bridge under a load."""

    bridge: Bridge
    load: Load


@dataclass
class Case:
    """Variants that are measured in turn, round by round."""

    name: str
    title: str
    variants: list[Variant]
    #: Whether the loopback interface is to deliver small pieces.
    small_pieces: bool = False
    #: Bytes in /dev/shm that the case needs.
    shared_memory_bytes: int = 0
    #: Default number of rounds, if it is another: all cases together take less than ten minutes.
    rounds: int | None = None


def floor(name=FLOOR, options=""):
    return Bridge(name, f"{setting.BENCH} floor --host {{host}} --port {{points_port}} --topic {{topic}} {options}")


def node(name=NODE, command=None, **parameters):
    """Returns the bridge of this package, or another one of the same parameters."""
    given = {"host": "{host}", "points_port": "{points_port}", "output_port": "{output_port}", **parameters}
    words = [f"-p {parameter}:={value}" for parameter, value in given.items()]
    return Bridge(name, f"{command or setting.BRIDGE} --ros-args -r __ns:={{namespace}} {' '.join(words)}")


def make_cases(given):
    """Returns all cases by name. `given` are the arguments of scripts/bench."""
    seconds = given.seconds
    bridge_command = given.bridge
    own = node(command=bridge_command)
    peers = [Bridge(PEER, given.peer)] if given.peer else []
    # The clouds of the warm-up fill the shared memory, so that its pages are not counted as faults of the bridge.
    steady = Load(seconds=seconds, warmup=given.warmup, warmup_rate=30.0)
    flat_out = replace(steady, rate=0.0)
    paced = replace(steady, pace_mbit=1000)
    tls = replace(steady, tls=True)
    small = replace(steady, points=(1000,), rate=1000.0, warmup_rate=1000.0)
    many = replace(steady, points=(65_536,), bridges=given.many, frames=2, warmup_rate=10.0)
    objects = replace(steady, points=(1000,), rate=1.0, warmup_rate=1.0, objects=500, object_points=200)
    unheard = replace(steady, subscriptions=(), warmup_rate=10.0)
    on_tls = node(command=bridge_command, **{"tls.enabled": "true", "tls.ca_file": "{ca_file}"})
    limited = node("rate-limited", command=bridge_command, output_data_interval=3600.0)

    def in_turn(load, *bridges):
        return [Variant(bridge, load) for bridge in bridges]

    def objects_to(name, *subscriptions):
        return Variant(node(name, command=bridge_command), replace(objects, subscriptions=subscriptions))

    cases = [
        Case("rate", "131,072 points at 10 Hz", in_turn(steady, floor(), own, *peers)),
        Case("flat_out", "131,072 points, as fast as they are read", in_turn(flat_out, floor(), own, *peers)),
        Case(
            "paced",
            "131,072 points at 10 Hz over 1 Gbit/s, in pieces of 6 KB",
            in_turn(paced, floor(), floor(PAUSED_FLOOR, "--pause-us 2000"), own, *peers),
            small_pieces=True,
        ),
        Case("tls", "131,072 points at 10 Hz with TLS", in_turn(tls, floor(options="--ca-file {ca_file}"), on_tls)),
        Case("small", "1,000 clouds of 1,000 points a second", in_turn(small, floor(), own, *peers)),
        Case(
            "many",
            f"{given.many} processes, each with a link pair and 65,536 points at 10 Hz",
            in_turn(many, floor(), own),
            # A segment for each bridge, for the sink, and some to spare.
            shared_memory_bytes=(given.many + 2) * 64 * 2**20,
            rounds=2,
        ),
        Case(
            "objects",
            "500 objects of 200 points at 10 Hz, whole process",
            [
                objects_to("with objects", OBJECTS),
                objects_to("with objects and markers", OBJECTS, MARKERS),
                objects_to("unwanted"),
                Variant(limited, replace(objects, subscriptions=(OBJECTS,), is_published=False)),
            ],
            rounds=2,
        ),
        Case(
            "idle",
            "whole process without work",
            [
                Variant(node("no subscriber, 131,072 points at 10 Hz", command=bridge_command), unheard),
                Variant(
                    node("not connected", command=bridge_command, points_port=1, output_port=1),
                    replace(unheard, is_served=False),
                ),
            ],
            rounds=1,
        ),
    ]
    return {case.name: case for case in cases}


@dataclass
class Goal:
    """A goal, compared with what was measured."""

    case: str
    text: str
    value: float
    limit: float
    unit: str = ""

    @property
    def is_met(self):
        return self.value <= self.limit

    def as_json(self):
        return {**self.__dict__, "met": self.is_met}


def judge(case, summary, baseline=None):
    """Returns the goals of a case. `summary` holds a Summary for each bridge, `baseline` those of an earlier run."""
    goals = []

    def cpu_ratio(limit, of=FLOOR):
        value = summary[NODE].cpu_ms.median / summary[of].cpu_ms.median
        goals.append(Goal(case.name, f"CPU per cloud, of the {of}", value, limit, "x"))

    def latency(*starts):
        for since in starts:
            own, other = (
                values.latency if since == "last" else values.first_byte for values in (summary[NODE], summary[FLOOR])
            )
            # A server that is interrupted after its last write records a time after the arrival.
            if other["p99"] > 0:
                text = f"p99 latency from the {since} byte, of the floor"
                goals.append(Goal(case.name, text, own["p99"] / other["p99"], 1.1, "x"))

    def page_faults():
        goals.append(Goal(case.name, "page faults per cloud", summary[NODE].faults.median, 0.0))

    if case.name == "rate":
        cpu_ratio(1.0)
        if PEER in summary:
            cpu_ratio(1.0, PEER)
        page_faults()
        latency("last", "first")
    elif case.name == "flat_out":
        cpu_ratio(1.2)
        latency("last", "first")
        goals.append(Goal(case.name, "growth of RSS above its start", summary[NODE].rss_rise_mb, 30.0, "MB"))
        page_faults()
    elif case.name == "paced":
        cpu_ratio(0.6)
        cpu_ratio(1.1, PAUSED_FLOOR)
        later = summary[NODE].first_byte["p50"] - summary[FLOOR].first_byte["p50"]
        goals.append(Goal(case.name, "p50 latency from the first byte, later than the floor", later, 1.0, "ms"))
        # The socket takes the last byte long before the network does.
        latency("first")
    elif case.name == "tls":
        cpu_ratio(1.5)
        latency("last", "first")
    elif case.name in ("small", "many"):
        cpu_ratio(1.3)
        if case.name == "many":
            value = summary[NODE].cpu_percent.median / summary[FLOOR].cpu_percent.median
            goals.append(Goal(case.name, "CPU per process, of the floor", value, 1.3, "x"))
    elif case.name == "objects":
        limits = {"with objects": 5.0, "with objects and markers": 8.0, "unwanted": 1.0, "rate-limited": 1.0}
        for name, limit in limits.items():
            goals.append(Goal(case.name, f"CPU {name}", summary[name].cpu_percent.median, limit, "% of a core"))
    elif case.name == "idle" and baseline is not None:
        for name, values in summary.items():
            limit = baseline["cases"]["idle"]["summary"][name]["cpu_percent"]["median"]
            goals.append(Goal(case.name, f"CPU, {name}", values.cpu_percent.median, limit, "% of a core"))
    return goals
