"""Measures sensr_bridge beside the floor, the least that any bridge does, and prints the goals beside the values.

Each case runs floor and bridge in turn, round by round, each with a new server and a new subscriber, so that what else
the machine does affects both. CPU time is that of all threads of the process, start-up excluded.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

from bench import growth, setting
from bench.cases import FLOOR, judge, make_cases
from bench.processes import RunError
from bench.report import Summary, format_goals, format_table
from bench.run import Run

DEFAULT_ROUNDS = 3


def parse_arguments(words=None):
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", action="append", metavar="NAME", help="only this case; may be repeated")
    parser.add_argument("--rounds", type=int, help=f"rounds of each case [default: {DEFAULT_ROUNDS}, fewer of some]")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured part of a run [default: %(default)s]")
    parser.add_argument("--warmup", type=float, default=2.0, help="seconds before it [default: %(default)s]")
    parser.add_argument("--startup", type=float, default=60.0, help="longest time to start [default: %(default)s]")
    parser.add_argument("--many", type=int, default=16, help="processes of the case `many` [default: %(default)s]")
    parser.add_argument(
        "--quick", action="store_true", help="one short round of each case, for the bench's correctness"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all values to this file")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="such a file, for the goal of the idle process")
    parser.add_argument(
        "--peer",
        metavar="COMMAND",
        help="another bridge to compare with: a command with {host}, {points_port}, {output_port} and {topic}",
    )
    parser.add_argument("--bridge", metavar="COMMAND", help="another executable with the parameters of sensr_bridge")
    parser.add_argument(
        "--dds-profile", metavar="PROFILE", help="as of the launch file: machine, network, none or a file"
    )
    parser.add_argument("--growth", action="store_true", help="cost by points per cloud and clouds per second instead")
    parser.add_argument(
        "--output", type=Path, default=Path("docs"), help="folder for the files of --growth [default: %(default)s]"
    )
    given = parser.parse_args(words)
    if given.quick:
        given.rounds, given.seconds, given.warmup, given.many = 1, 0.5, 0.0, 2
    try:
        given.profiles = setting.Profiles(given.dds_profile)
    except ValueError as problem:
        parser.error(f"--dds-profile: {problem}")
    cases = make_cases(given)
    for name in given.case or []:
        if name not in cases:
            parser.error(f"--case: {name} is none of {', '.join(cases)}")
    given.cases = [cases[name] for name in given.case or cases]
    return given


def describe_machine():
    models = {line.split(":", 1)[1].strip() for line in _cpu_lines() if line.startswith("model name")}
    return {
        "cpu": ", ".join(sorted(models)) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "ros": os.environ["ROS_DISTRO"],
        "load": os.getloadavg()[0],
    }


def _cpu_lines():
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def rounds_of(case, given):
    """Returns the number of rounds: all that were asked for, and by default fewer of the cases that differ little."""
    if given.rounds is not None:
        return given.rounds
    return DEFAULT_ROUNDS if case.rounds is None else case.rounds


def measure_case(case, given, network):
    """Measures the variants of a case in turn. Returns the results by bridge."""
    results = {}
    for number in range(rounds_of(case, given)):
        # Neither is always the first.
        variants = case.variants if number % 2 == 0 else case.variants[::-1]
        for variant in variants:
            with Run(variant.load, variant.bridge, given.profiles, network, given.startup) as run:
                results.setdefault(variant.bridge.name, []).append(run.measure())
    return {variant.bridge.name: results[variant.bridge.name] for variant in case.variants}


def reason_to_skip(case, network_problem):
    free = shutil.disk_usage("/dev/shm").free
    if case.shared_memory_bytes > free:
        return f"/dev/shm has {free >> 20} MiB free, {case.shared_memory_bytes >> 20} are needed"
    if case.small_pieces and network_problem is not None:
        return f"no network namespace can be made here: {network_problem}"
    return None


def measure_all(given, network, network_problem):
    """Measures all cases and prints their tables. Returns their values for JSON, and the goals."""
    baseline = json.loads(given.baseline.read_text()) if given.baseline else None
    values, goals = {}, []
    for case in given.cases:
        print(f"\n## {case.name}: {case.title}\n", flush=True)
        if (reason := reason_to_skip(case, network_problem)) is not None:
            print(f"SKIPPED: {reason}", flush=True)
            values[case.name] = {"skipped": reason}
            continue
        results = measure_case(case, given, network if case.small_pieces else None)
        summaries = {name: Summary.of(rounds) for name, rounds in results.items()}
        process_only = case.name in ("objects", "idle")
        print("\n".join(format_table(summaries, FLOOR, process_only)), flush=True)
        goals += judge(case, summaries, baseline=baseline)
        values[case.name] = {
            "title": case.title,
            "summary": {name: summary.as_json() for name, summary in summaries.items()},
            "runs": [result.as_json() for rounds in results.values() for result in rounds],
        }
    return values, goals


def main():
    given = parse_arguments()
    if given.growth:
        return growth.run(given)
    machine = describe_machine()
    print(f"{machine['cores']} cores of {machine['cpu']}, load {machine['load']:.1f}, Linux {machine['kernel']}")
    print(
        f"ROS 2 {machine['ros']}, Fast DDS profile {given.profiles.name}, {given.rounds} rounds of {given.seconds:g} s"
    )
    begun = time.monotonic()
    try:
        with setting.small_pieces() as (network, problem):
            values, goals = measure_all(given, network, problem)
    except RunError as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    if goals:
        print("\n## Goals\n")
        print("\n".join(format_goals(goals)))
    skipped = [name for name, case in values.items() if "skipped" in case]
    if skipped:
        print(f"\nSKIPPED, NOT MEASURED: {', '.join(skipped)}")
    print(f"\ntook {time.monotonic() - begun:.0f} s")
    if given.json:
        document = {"machine": machine, "profile": given.profiles.name, "cases": values}
        document["goals"] = [goal.as_json() for goal in goals]
        given.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
