"""Names that lead elsewhere all of a sudden, and IPv6."""

import socket
import sys
from pathlib import Path

import pytest

from support import points_encoder, summary_notes
from support.linux_namespaces import unshare_command
from support.point_cloud_reader import number_of
from support.statistics_reader import CONNECTED

WITH_HOSTS_FILE = Path(__file__).with_name("support") / "with_hosts_file.py"


def test_a_name_that_leads_elsewhere_is_followed(environment):
    """Its machine got another address: no hand on a keyboard."""
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
    # In place, for it is the file and not its name that is mounted.
    names.write_text("127.0.0.2 sensr.example\n")
    old.client().abort()
    new.client().send(points_encoder.numbered_cloud(2))
    clouds.wait(2)
    assert len(old.clients) == 1
    # A name that is gone for a while is asked for again.
    names.write_text("")
    new.client().abort()
    statistics.wait_for_link(lambda link: "cannot resolve sensr.example" in link.last_error, "what is wrong")
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
