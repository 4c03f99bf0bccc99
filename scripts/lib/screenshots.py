#!/usr/bin/env python3
"""Draws the pictures of the operator's tools: their screens, while simulated sites run."""

import argparse
import re
import shutil
import tempfile
import time
from pathlib import Path

import terminal_picture

from support import REPOSITORY
from support.environment import Environment
from support.polling import wait_until
from support.processes import executable
from support.recorder import STANDIN_PATH

#: Longest time until a site is as the picture shows it.
LIMIT = 120.0
#: Pause in the output after which a frame is complete. The monitor draws at most four times a second.
QUIET = 0.2
#: Bars of a sparkline that show what it is.
BARS = 25


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs", help="folder [default: docs]")
    parser.add_argument("--faults", action="store_true", help="also draw everything that can be wrong")
    return parser.parse_args()


def settle(terminal):
    """Waits for a pause in the output: a picture must not show half of a frame."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        written = len(terminal.output)
        time.sleep(QUIET)
        if len(terminal.output) == written:
            return
    raise TimeoutError(f"{terminal.name} draws without a pause")


def draw(terminal, path: Path):
    settle(terminal)
    terminal_picture.draw(*terminal.copy_of_cells(), path)
    print(path)


def start_site(environment, namespace: str, rate: int, has_output: bool = True):
    """Starts a simulator, a bridge and a recorder. Without `has_output`, the output port is closed."""
    in_namespace = ("-r", f"__ns:={namespace}")
    sim = environment.sim("--rate", rate)
    parameters = {"statistics_period": 1.0, "startup_hold": 5.0}
    output_port = sim.output_port if has_output else environment.unserved_port
    environment.bridge(sim.points_port, parameters, output_port=output_port, ros_args=in_namespace)
    bags = environment.folder / namespace.strip("/")
    environment.recorder(bags, {"split_duration": 600.0, "keep_bytes": 2_000_000_000}, namespace=namespace)


def draw_monitor(output: Path, folder: Path):
    """Draws the monitor with two sites, one of which has lost a link."""
    with Environment(folder) as environment:
        start_site(environment, "/samyang", 10)
        start_site(environment, "/hall", 5, has_output=False)
        monitor = environment.monitor_in_terminal(columns=110, rows=38)
        monitor.wait_for_line("1 hall", "2 samyang")
        monitor.press("2")
        monitor.wait_for_line("recording OK", "recording")
        # Events are shown some time after the start of the bridge, and a rate takes its time to become a line.
        wait_until(
            lambda: re.search(rf"[▁-▇]{{{BARS}}}", monitor.screen) and monitor.lines_with("zone"),
            lambda: f"events and rates in\n{monitor.screen}",
            timeout=LIMIT,
        )
        draw(monitor, output / "monitor.png")


def draw_check(output: Path, folder: Path):
    """Draws the check of a site of which one port is closed."""
    with Environment(folder) as environment:
        sim = environment.sim("--rate", 10)
        hosts = shutil.copy(REPOSITORY / "config" / "hosts.yaml", folder)
        parameters = ["-p", f"points_port:={sim.points_port}", "-p", f"output_port:={environment.unserved_port}"]
        command = [executable("sensr_check"), "--host", "127.0.0.1", "--hosts-file", hosts, "--output-dir", folder]
        variables = {"PATH": f"{STANDIN_PATH}:{environment.env['PATH']}"}
        check = environment.terminal(*command, "--ros-args", *parameters, variables=variables, columns=132, rows=80)
        check.wait(LIMIT)
        assert check.lines_with("passed", "failure"), check.screen
        columns, rows, cells = check.copy_of_cells()
        used = max((y + 1 for y in range(rows) if any(cell.data.strip() for cell in cells[y])), default=rows)
        path = output / "check.png"
        terminal_picture.draw(columns, used, cells[:used], path)
        print(path)


def draw_faults(output: Path, folder: Path):
    """Draws a dead link, an overloaded queue, a dead sensor and a full disk, alone and together."""
    faults = {
        "dead_link": lambda site: site.break_output_link(),
        "overloaded_queue": lambda site: site.overload_queue(),
        "dead_sensor": lambda site: site.kill_sensor("node algo-1", ("sensor lidar_1", "sensor lidar_2")),
        "full_disk": lambda site: site.fill_disk(),
    }
    for name in [*faults, "all_faults", "two_sites"]:
        (folder / name).mkdir()
        with Environment(folder / name) as environment:
            site = environment.standin_site("/samyang")
            if name == "two_sites":
                environment.standin_site("/north/hall")
            for fault, apply in faults.items():
                if name in (fault, "all_faults", "two_sites"):
                    apply(site)
            for columns, rows in ((80, 24), (200, 50)):
                monitor = environment.monitor_in_terminal(columns=columns, rows=rows)
                monitor.wait_for_line("samyang")
                wait_until(lambda: re.search("[▁-▇]{9}", monitor.screen), "rates", timeout=LIMIT)  # noqa: B023
                draw(monitor, output / f"monitor_{name}_{columns}x{rows}.png")
                monitor.end()


def main():
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folders = {name: Path(made) / name for name in ("monitor", "check", "faults")}
        for folder in folders.values():
            folder.mkdir()
        if arguments.faults:
            draw_faults(arguments.output, folders["faults"])
        draw_monitor(arguments.output, folders["monitor"])
        draw_check(arguments.output, folders["check"])


if __name__ == "__main__":
    main()
