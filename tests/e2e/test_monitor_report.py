"""The monitor's report tells a process that leaks from one that does not, and its figures are those of the bridge.

All tests judge one run of a leaking stand-in beside the real bridge. SENSR_MONITOR_SECONDS sets its length.
"""

import json
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sensor_msgs.msg import PointCloud2

from support import ros_observer
from support.monitor import document_of
from support.statistics_reader import OUTCOMES, link_of

SECONDS = float(os.environ.get("SENSR_MONITOR_SECONDS", "75"))
#: Growth of the stand-in.
LEAK_MB_PER_MIN = 60
LIMIT_BYTES = 10_000_000_000
PHASES = ["settings", "node", "publishers", "first connection", "first cloud"]
#: Counts that statistics and report have in common.
COUNTS = ("received", "published", "thinned", "unsubscribed", "dropped", "malformed", "published_bytes")
LINK_COUNTS = ("connects", "disconnects", "failed_attempts", "frames", "bytes")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass
class Run:
    """Results of a run."""

    #: Report for people.
    text: str
    document: dict
    svg: Path
    png: Path
    #: Figures of the leaking process by itself, in order.
    leak: list[dict]
    #: All statistics of the bridge, in order.
    statistics: list

    def site(self, namespace: str) -> dict:
        """Returns the report on a site in the JSON document."""
        (found,) = [site for site in self.document["sites"] if site["namespace"] == namespace]
        return found

    def site_text(self, namespace: str) -> str:
        """Returns the section on a site in the report for people."""
        sections = self.text.split("\n\n")
        (found,) = [section for section in sections if re.match(rf"\s*{namespace}[ :]", section)]
        return found

    @property
    def last_statistics(self):
        """The statistics of the bridge that the monitor saw last: those with the counts of its report."""
        reported = {topic["topic"]: counts_of(topic.get) for topic in self.site("/real")["topics"]}
        matching = [message for message in self.statistics if ledger_of(message) == reported]
        assert matching, f"no statistics have these counts: {reported}; the last: {ledger_of(self.statistics[-1])}"
        return matching[-1]


def counts_of(get) -> dict:
    return {count: get(count) for count in COUNTS}


def ledger_of(message) -> dict:
    """Returns the counts of the topics that received something."""
    topics = [topic for topic in message.topics if topic.received]
    return {topic.topic: counts_of(lambda count, topic=topic: getattr(topic, count)) for topic in topics}


@pytest.fixture(scope="module")
def run(shared_environment):
    environment = shared_environment
    svg, png, document = (environment.folder / name for name in ("run.svg", "run.png", "run.json"))
    sim = environment.sim("--rate", 10)
    statistics = environment.statistics(environment.observer(), "/real/statistics")
    # Clouds are received, so that a first one is published.
    clouds = environment.observer(name="clouds").subscribe(
        "/real/points/raw", PointCloud2, ros_observer.qos(reliable=False, depth=5), raw=True, keep=len
    )
    plain = ("--plain", "--duration", f"{SECONDS:g}")
    monitor = environment.monitor(*plain, "--json", document, "--plot", svg, "--limit", "10GB", period=1.0)
    plotter = environment.monitor(*plain, "--plot", png, "--no-report", period=1.0)
    # Counts are from the start of a bridge that starts later than the monitor.
    for one in (monitor, plotter):
        one.wait_for_output("no bridge found yet", stream="stdout")
    bridge = environment.bridge(
        sim.points_port,
        {"statistics_period": 0.2},
        output_port=sim.output_port,
        ros_args=("-r", "__ns:=/real"),
    )
    leak = environment.python("leaking_site", "-m", "support.leaking_site", "/leak", LEAK_MB_PER_MIN)
    monitor.wait_for_line("leak", "memory")
    monitor.wait_for_line("real", "points connected", "memory")
    clouds.wait(1)
    for one in (monitor, plotter):
        assert one.wait(SECONDS + 60.0) == 0, one.log_tail()
    bridge.require_alive()
    leak.require_alive()
    # The last statistics that the monitor saw have arrived here too then.
    statistics.wait_for_next()
    assert plotter.stdout and "watched for" not in plotter.stdout
    lines = leak.stdout.splitlines(keepends=True)
    return Run(
        text=monitor.stdout[monitor.stdout.index("sensr_monitor: ") :],
        document=document_of(document),
        svg=svg,
        png=png,
        leak=[json.loads(line) for line in lines if line.endswith("\n")],
        statistics=statistics.messages,
    )


def true_growth(records: list[dict], last_bytes: int, seconds: float) -> tuple[float, float]:
    """Returns what the process leaked and how its memory grew, MB/min, in the time before its memory was so large."""
    last = next(record for record in reversed(records) if record["rss_bytes"] == last_bytes)
    first = next(record for record in records if record["uptime_s"] >= last["uptime_s"] - seconds)
    minutes = (last["uptime_s"] - first["uptime_s"]) / 60.0
    leaked, grown = ((last[name] - first[name]) / 1e6 / minutes for name in ("leaked_bytes", "rss_bytes"))
    return leaked, grown


def test_a_leak_is_measured(run):
    memory = run.site("/leak")["bridge_memory"]
    growth = memory["growth"]
    assert (growth["verdict"], growth["reason"]) == ("growing", ""), growth
    low, rate, high = (growth[name] for name in ("low_mb_per_min", "mb_per_min", "high_mb_per_min"))
    assert 0 < low <= rate <= high
    leaked, grown = true_growth(run.leak, memory["last_bytes"], growth["steady_s"])
    assert leaked == pytest.approx(LEAK_MB_PER_MIN, rel=0.02), "the stand-in leaks as it should"
    # Warm-up and overhead of the interpreter add a little to the leak.
    assert grown == pytest.approx(leaked, rel=0.05)
    # The interval has 95 % confidence, so it is taken twice as wide.
    truth = sorted((leaked, grown))
    assert rate - 2 * (rate - low) <= truth[1] and truth[0] <= rate + 2 * (high - rate), (truth, growth)
    # An interval that contains everything would say nothing.
    assert high - low < 0.2 * leaked, growth


def test_memory_figures_are_those_of_the_process(run):
    memory = run.site("/leak")["bridge_memory"]
    seen = {record["rss_bytes"] for record in run.leak}
    assert {memory["min_bytes"], memory["max_bytes"], memory["last_bytes"]} <= seen
    assert memory["min_bytes"] < memory["mean_bytes"] < memory["max_bytes"]
    assert memory["growth"]["warm_up_s"] + memory["growth"]["steady_s"] <= run.document["duration_s"]
    assert 0 < memory["samples"] <= len(run.leak)


def test_the_time_of_a_leak_to_the_limit_is_told(run):
    assert run.document["limit_bytes"] == LIMIT_BYTES
    memory = run.site("/leak")["bridge_memory"]
    time = memory["time_to_limit"]
    minutes = (LIMIT_BYTES - memory["last_bytes"]) / 1e6 / memory["growth"]["mb_per_min"]
    assert time["expected_s"] == pytest.approx(60.0 * minutes, rel=1e-6)
    assert time["earliest_s"] <= time["expected_s"] <= time["latest_s"]


def test_the_text_names_the_leak(run):
    text = run.site_text("/leak")
    rate = run.site("/leak")["bridge_memory"]["growth"]["mb_per_min"]
    assert f"growing: {rate:+.3f} MB/min" in text
    assert re.search(r"10\.0 GB would be reached in \d+ \w+", text), text


def test_the_bridge_does_not_grow(run):
    growth = run.site("/real")["bridge_memory"]["growth"]
    assert growth["verdict"] in ("flat", "not determined"), growth
    assert bool(growth["reason"]) == (growth["verdict"] == "not determined")
    assert growth["verdict"] in run.site_text("/real")
    assert "growing" not in run.site_text("/real")


def test_the_phases_of_the_start_are_complete(run):
    phases = run.site("/real")["startup"]
    assert [phase["phase"] for phase in phases] == PHASES
    times = [phase["elapsed_s"] for phase in phases]
    assert times == sorted(times) and times[0] > 0
    assert all(phase["rss_bytes"] > 0 for phase in phases)
    assert sum(phase["added_bytes"] for phase in phases) == phases[-1]["rss_bytes"]
    for phase in PHASES:
        assert phase in run.site_text("/real")
    assert run.site("/leak")["startup"] == []


def test_counts_are_those_of_the_bridge(run):
    site = run.site("/real")
    last = run.last_statistics
    assert site["observed_s"] == pytest.approx(last.uptime.sec + last.uptime.nanosec / 1e9, abs=1e-3)
    assert (site["restarts"], site["version"]) == (0, last.version)
    queued = {topic.topic: topic.queued for topic in last.topics}
    for topic in site["topics"]:
        outcomes = sum(topic[outcome] for outcome in OUTCOMES if outcome != "queued")
        assert topic["received"] == outcomes + queued[topic["topic"]], topic
    for count in COUNTS:
        assert site["total"][count] == sum(topic[count] for topic in site["topics"])
    # The run has traffic of both links, and of topics with and without a subscriber.
    topics = {topic["topic"]: topic for topic in site["topics"]}
    assert topics["points/raw"]["published"] > 0
    assert topics["objects"]["unsubscribed"] > 0


def test_links_and_memory_are_those_of_the_bridge(run):
    site = run.site("/real")
    last = run.last_statistics
    assert {link["link"] for link in site["links"]} == {"points", "output"}
    for link in site["links"]:
        own = link_of(last, link["link"])
        assert {count: link[count] for count in LINK_COUNTS} == {count: getattr(own, count) for count in LINK_COUNTS}
        assert 0 < link["connected_s"] <= link["observed_s"]
    assert site["bridge_memory"]["last_bytes"] == last.rss_bytes
    assert site["bridge_peak_bytes"] == last.rss_peak_bytes
    assert site["bridge_bound_bytes"] == last.memory_bound_bytes
    assert {stage["link"] for stage in site["stages"]} == {"points", "output"}
    assert all(0 < stage["mean_ms"] <= stage["max_ms"] for stage in site["stages"])


def test_the_svg_plot_shows_both_sites(run):
    root = ElementTree.parse(run.svg).getroot()
    assert root.tag.endswith("svg")
    texts = [" ".join("".join(element.itertext()).split()) for element in root.iter() if element.tag.endswith("text")]
    for words in ("/leak bridge", "/real bridge", "/real received"):
        assert words in texts
    assert any(text.startswith("Resident memory") for text in texts)
    assert sum(element.tag.endswith("polyline") for element in root.iter()) >= 4


def test_the_png_plot_is_a_picture(run):
    data = run.png.read_bytes()
    assert data.startswith(PNG_SIGNATURE)
    length, kind, width, height = struct.unpack(">I4sII", data[8:24])
    assert (length, kind) == (13, b"IHDR")
    assert 600 <= width <= 4000 and 400 <= height <= 4000
    assert data[-8:-4] == b"IEND"
    # Neither an empty area nor uncompressed.
    assert 10_000 < len(data) < width * height
