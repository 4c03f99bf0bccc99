"""Arguments of sites.launch.py: the sites, and the arguments of bridge.launch.py that apply to all of them.

This module needs neither `launch` nor ROS.
"""

from collections.abc import Callable, Iterable, Mapping

# Arguments of bridge.launch.py that apply to each site. Of the others, `host` and `namespace` are different for each
# site, `rviz` can name sites here, and `sim` is for one bridge.
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
    "fixed_frame",
    "dds_profile",
    "log_level",
]
# The argument of bridge.launch.py that is carried out once, for all sites together.
CHECK = "check"
# The argument that selects the sites with an rviz2.
RVIZ = "rviz"


class SitesError(ValueError):
    """Invalid argument; the message is one line for the operator."""


def parse_sites(text: str) -> list[str]:
    """Parses names separated by commas. Raises `SitesError` if there is none, or one occurs twice."""
    sites = names_in(text)
    if not sites:
        raise SitesError("sites: names of sites in the hosts file, separated by commas, such as harbour,pier")
    twice = sorted({site for site in sites if sites.count(site) > 1})
    if twice:
        raise SitesError(f"sites: {', '.join(twice)} is there more than once; each site has one bridge")
    return sites


def parse_shown(text: str, sites: list[str], parse_switch: Callable[[str], bool]) -> set[str]:
    """Parses which of the sites get an rviz2: all or none by a switch, or those that are named.

    Raises `SitesError` for anything else.
    """
    names = names_in(text)
    if names and {*names} <= {*sites}:
        return {*names}
    try:
        return {*sites} if parse_switch(text) else set()
    except ValueError:
        unknown = ", ".join(name for name in names if name not in sites) or repr(text)
        raise SitesError(f"{RVIZ}: true, false, or some of the sites {', '.join(sites)}; got {unknown}") from None


def names_in(text: str) -> list[str]:
    """Returns the names in a text that are separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def arguments_of(site: str, given: Mapping[str, str], is_shown: bool) -> dict[str, str]:
    """Returns the arguments of bridge.launch.py for a site. `given` are the values of the shared ones."""
    rviz = "true" if is_shown else "false"
    return {**given, "host": site, "namespace": site, RVIZ: rviz, CHECK: "false", "sim": "false"}


def find_unused(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """Returns those names that are arguments of bridge.launch.py for a single bridge, and have no effect here."""
    return [name for name in names if name in {*known} - {*SHARED, CHECK, RVIZ}]
