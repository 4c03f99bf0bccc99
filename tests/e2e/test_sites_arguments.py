"""Arguments of sites.launch.py, without `launch`."""

import pytest

from support.launch_modules import CONFIG, bridge_arguments, bridge_sites

KNOWN = [argument.name for argument in bridge_arguments.all_arguments(CONFIG, {})]


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("pier", ["pier"]),
        ("harbour,pier", ["harbour", "pier"]),
        (" harbour , pier, ", ["harbour", "pier"]),
    ],
)
def test_sites_are_separated_by_commas(text, sites):
    assert bridge_sites.parse_sites(text) == sites


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_site_is_refused(text):
    with pytest.raises(bridge_sites.SitesError, match=r"^sites: names of sites in the hosts file"):
        bridge_sites.parse_sites(text)


def test_a_site_that_occurs_twice_is_refused():
    with pytest.raises(bridge_sites.SitesError, match=r"^sites: a, c is there more than once"):
        bridge_sites.parse_sites("c,a,b,a,c")


def test_each_argument_of_a_bridge_is_shared_or_for_one_bridge():
    assert set(bridge_sites.SHARED) | {"check", "host", "namespace", "rviz", "sim"} == set(KNOWN)


def test_a_site_is_host_and_namespace_of_its_bridge():
    shared = dict.fromkeys(bridge_sites.SHARED, "given")
    arguments = bridge_sites.arguments_of("pier", shared, is_shown=False)
    assert arguments.keys() == {*KNOWN}, "the include has no argument from elsewhere"
    assert (arguments["host"], arguments["namespace"]) == ("pier", "pier")
    assert (arguments["rviz"], arguments["sim"]) == ("false", "false")
    assert arguments["check"] == "false", "it is done once for all sites"
    assert {name: arguments[name] for name in shared} == shared


def test_arguments_of_one_bridge_are_found():
    names = ["sites", "record", "check", "host", "rviz", "sim", "launch-prefix"]
    assert bridge_sites.find_unused(names, KNOWN) == ["host", "sim"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("true", {"harbour", "pier", "on"}),
        ("False", set()),
        ("pier", {"pier"}),
        (" pier , harbour,", {"harbour", "pier"}),
        # A site may have a name that is a switch elsewhere.
        ("on", {"on"}),
    ],
)
def test_all_sites_none_or_those_named_are_shown(text, shown):
    sites = ["harbour", "pier", "on"]
    assert bridge_sites.parse_shown(text, sites, bridge_arguments.parse_switch) == shown
    given = dict.fromkeys(bridge_sites.SHARED, "given")
    on = {site for site in sites if bridge_sites.arguments_of(site, given, site in shown)["rviz"] == "true"}
    assert on == shown


@pytest.mark.parametrize(("text", "got"), [("dock", "dock"), ("pier,dock", "dock"), ("", "''"), (",", "','")])
def test_another_site_is_not_shown_but_refused_with_the_list(text, got):
    with pytest.raises(bridge_sites.SitesError) as refused:
        bridge_sites.parse_shown(text, ["harbour", "pier"], bridge_arguments.parse_switch)
    assert str(refused.value) == f"rviz: true, false, or some of the sites harbour, pier; got {got}"
