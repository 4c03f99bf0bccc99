"""Environment of the processes of a run: executables, domain, profile of Fast DDS, network."""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from bench.processes import POLL_SECONDS

ROOT = Path(__file__).resolve().parents[3]
#: Built by scripts/bench and scripts/soak.
BENCH = ROOT / "build" / "sensr_bridge" / "cargo-target" / "release" / "sensr_bench"
PREFIX = Path(os.environ["SENSR_BRIDGE_PREFIX"])
BRIDGE = PREFIX / "lib" / "sensr_bridge" / "sensr_bridge"
SIMULATOR = BRIDGE.with_name("sensr_sim")
HOST = "127.0.0.1"
PROFILE_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"
    if os.environ["ROS_DISTRO"] in ("humble", "iron", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)
#: A bound port at this number plus a domain id reserves that id among runs and tests of this machine.
DOMAIN_PORT_BASE = 22119
DOMAIN_IDS = range(1, 102)


class Profiles:
    """Profiles of Fast DDS as the launch file gives them to its nodes."""

    def __init__(self, name=None):
        """Takes what the launch argument `dds_profile` takes; without a name, its default."""
        sys.path.insert(0, str(ROOT / "launch"))
        try:
            import bridge_arguments  # noqa: PLC0415 (needs the path above)
        finally:
            sys.path.pop(0)
        self.name = name or bridge_arguments.default_dds_profile(os.environ)
        #: Path for bridge and floor, None for none.
        self.bridge = bridge_arguments.profile_parser(ROOT / "config")(self.name)
        #: Path for all others.
        self.subscriber = bridge_arguments.subscriber_profile(self.bridge)


def make_environment(domain_id, logs):
    """Returns the environment variables of all processes of a run."""
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id), "ROS_LOG_DIR": str(logs), "PYTHONUNBUFFERED": "1"}
    if os.environ["ROS_DISTRO"] != "humble":
        # On Humble the setting would replace the transports of the profile.
        environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    return environment


def profile_variables(profile):
    return {} if profile is None else {PROFILE_VARIABLE: str(profile)}


@contextlib.contextmanager
def reserve_domain():
    """Reserves an unused ROS domain id."""
    for domain_id in random.sample(DOMAIN_IDS, len(DOMAIN_IDS)):
        with socket.socket() as lock:
            try:
                lock.bind((HOST, DOMAIN_PORT_BASE + domain_id))
            except OSError:
                continue
            yield domain_id
            return
    raise RuntimeError("all ROS domain ids are in use")


def free_port():
    """Returns a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


class SmallPieces:
    """A network namespace whose loopback interface delivers a few kilobytes at a time, as a network card does."""

    #: Packets of an Ethernet, four of which arrive at once.
    SETTINGS = ("mtu 1500 up", "gso_max_segs 4")

    def __init__(self):
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", "--net", *user, "sleep", "infinity"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        enter_user = ["--user", "--preserve-credentials"] if user else []
        self.prefix = ["nsenter", "--target", str(self._holder.pid), *enter_user, "--net", "--"]
        try:
            self._wait_until_unshared()
            for setting in self.SETTINGS:
                command = [*self.prefix, "ip", "link", "set", "lo", *setting.split()]
                subprocess.run(command, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError):
            self.close()
            raise

    def _wait_until_unshared(self):
        own = os.readlink("/proc/self/ns/net")
        # Until `sleep` runs, the namespace may not be complete.
        while self._name() != "sleep" or os.readlink(f"/proc/{self._holder.pid}/ns/net") == own:
            if self._holder.poll() is not None:
                raise OSError(self._holder.stderr.read().strip())
            time.sleep(POLL_SECONDS)

    def _name(self):
        try:
            return Path(f"/proc/{self._holder.pid}/comm").read_text().strip()
        except OSError:
            return None

    def close(self):
        self._holder.kill()
        self._holder.communicate()


@contextlib.contextmanager
def small_pieces():
    """Yields such a namespace, or None and the reason why there is none."""
    missing = [tool for tool in ("unshare", "nsenter", "ip") if shutil.which(tool) is None]
    if missing:
        yield None, f"{', '.join(missing)} is not installed"
        return
    try:
        made = SmallPieces()
    except subprocess.CalledProcessError as problem:
        yield None, problem.stderr.strip()
        return
    except OSError as problem:
        yield None, str(problem)
        return
    try:
        yield made, None
    finally:
        made.close()
