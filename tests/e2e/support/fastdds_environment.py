"""Environment variables that select a Fast DDS profile, and the profiles of the package."""

import os

from support import REPOSITORY

FILE = REPOSITORY / "config" / "fastdds_shm.xml"
#: The profile of a bridge that uses shared memory only, and that of its subscribers.
MACHINE = REPOSITORY / "config" / "fastdds_machine.xml"
MACHINE_SUBSCRIBER = REPOSITORY / "config" / "fastdds_machine_subscriber.xml"
#: The profile of all processes of the demo on Humble: the same, and without traffic to other machines.
LOOPBACK = REPOSITORY / "scripts" / "lib" / "fastdds_loopback.xml"
#: The name before Kilted and the name since. Later versions accept the old one with a warning.
VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
#: The name in this distribution.
VARIABLE = VARIABLES[0 if os.environ["ROS_DISTRO"] in ("humble", "iron", "jazzy") else 1]


def without_transport_choice(environment: dict[str, str]) -> dict[str, str]:
    """Returns the environment without variables that choose the transports of Fast DDS."""
    chosen = (*VARIABLES, "FASTDDS_BUILTIN_TRANSPORTS")
    return {name: value for name, value in environment.items() if name not in chosen}
