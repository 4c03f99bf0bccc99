"""Host names whose address changes, and IPv6."""

import socket
import sys
from pathlib import Path

import pytest

from support import points_encoder, summary_notes
from support.linux_namespaces import unshare_command
from support.point_cloud_reader import number_of
from support.statistics_reader import CONNECTED

WITH_HOSTS_FILE = Path(__file__).with_name("support") / "with_hosts_file.py"


def test_a_changed_address_of_a_host_name_is_followed(environment):
    """The server's machine has got another address; the bridge resolves the name again by itself."""
    port = environment.port()
    old, new = environment.server(port), environment.server(environment.port("127.0.0.2", port.number))
    names = environment.folder / "hosts"
    names.write_text("127.0.0.1 sensr.example\n")
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=number_of)
    statistics = environment.statistics(observer)
    environment.bridge(
        port.number,
        {"host": "sensr.example"},
        wrapper=[*unshare_command("mount"), sys.executable, str(WITH_HOSTS_FILE), str(names)],
    )
    observer.wait_for_match(clouds, statistics.inbox)
    old.client().send(points_encoder.numbered_cloud(1))
    clouds.wait(1)
    # Written in place, because the file and not its name is mounted.
    names.write_text("127.0.0.2 sensr.example\n")
    old.client().abort()
    new.client().send(points_encoder.numbered_cloud(2))
    clouds.wait(2)
    assert len(old.clients) == 1
    # A name that does not exist for a while is resolved again.
    names.write_text("")
    new.client().abort()
    statistics.wait_for_link(lambda link: "cannot resolve sensr.example" in link.last_error, "the reason")
    names.write_text("127.0.0.1 sensr.example\n")
    old.client(2).send(points_encoder.numbered_cloud(3))
    clouds.wait(3)


def test_ipv6(environment):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError as problem:
        summary_notes.add_note(f"SKIPPED, NO IPv6 ON THIS MACHINE: {problem}")
        pytest.skip("no IPv6 here")
    sim = environment.sim("--bind", "::1", "--points", 2000)
    observer = environment.observer()
    clouds = observer.subscribe_clouds(keep=lambda cloud: cloud.width)
    statistics = environment.statistics(observer)
    environment.bridge(sim.points_port, {"host": "::1"}, output_port=sim.output_port)
    observer.wait_for_match(clouds)
    clouds.wait(3)
    for name in ("points", "output"):
        link = statistics.wait_for_state(CONNECTED, name)
        assert link.url == f"ws://[::1]:{getattr(sim, name + '_port')}/"
