"""Arguments of sites.launch.py: the sites, and the arguments of bridge.launch.py that apply to all of them.

This module needs neither `launch` nor ROS.
"""

from collections.abc import Iterable, Mapping

# Arguments of bridge.launch.py that apply to each site. Of the others, `host` and `namespace` are different for each
# site, and `rviz` and `sim` are for one bridge.
SHARED = [
    "hosts_file",
    "params_file",
    "record",
    "recorder_params_file",
    "bag_dir",
    "bag_duration",
    "bag_size",
    "bag_keep",
    "bag_min_free",
    "storage_preset",
    "dds_profile",
    "log_level",
]
# The argument of bridge.launch.py that is carried out once, for all sites together.
CHECK = "check"


class SitesError(ValueError):
    """Invalid argument; the message is one line for the operator."""


def parse_sites(text: str) -> list[str]:
    """Parses names separated by commas. Raises `SitesError` if there is none, or one occurs twice."""
    sites = [name.strip() for name in text.split(",") if name.strip()]
    if not sites:
        raise SitesError("sites: names of sites in the hosts file, separated by commas, such as harbour,pier")
    twice = sorted({site for site in sites if sites.count(site) > 1})
    if twice:
        raise SitesError(f"sites: {', '.join(twice)} is there more than once; each site has one bridge")
    return sites


def arguments_of(site: str, given: Mapping[str, str]) -> dict[str, str]:
    """Returns the arguments of bridge.launch.py for a site. `given` are the values of the shared ones."""
    of_one_bridge = {"rviz": "false", "fixed_frame": "", "sim": "false"}
    return {**given, "host": site, "namespace": site, CHECK: "false", **of_one_bridge}


def find_unused(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Returns those names that are arguments of bridge.launch.py for a single bridge, and have no effect here."""
    return [name for name in names if name in {*known} - {*SHARED, CHECK}]
