"""The package's Fast DDS profile, and how Fast DDS is told about it."""

import os

from support import REPOSITORY

FILE = REPOSITORY / "config" / "fastdds_shm.xml"
#: What the demo uses on Humble instead, of all its processes: the same, and nothing leaves this machine.
LOOPBACK = REPOSITORY / "scripts" / "lib" / "fastdds_loopback.xml"
#: Before Kilted, and since. The old name still works, with a warning.
VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
#: The one of this distribution.
VARIABLE = VARIABLES[0 if os.environ["ROS_DISTRO"] in ("humble", "iron", "jazzy") else 1]


def absent_from(environment):
    """An environment that leaves the transports of Fast DDS as they are."""
    chosen = (*VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS")
    return {name: value for name, value in environment.items() if name not in chosen}
