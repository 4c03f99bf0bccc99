"""Launches a bridge per site, with `record:=true` a recorder per site, and with `rviz:=true` an rviz2 per site.

`ros2 launch sensr_bridge sites.launch.py sites:=harbour,pier hosts_file:=/path/to/hosts.yaml record:=true`

Each site is an include of bridge.launch.py with its name as host and namespace. The failure of one, an invalid
configuration included, does not affect the others.
`ros2 launch sensr_bridge sites.launch.py --show-args` describes each argument.
"""

import importlib.util
from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, LogInfo, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

BRIDGE_LAUNCH_FILE = Path(__file__).with_name("bridge.launch.py")
specification = importlib.util.spec_from_file_location("bridge_launch", BRIDGE_LAUNCH_FILE)
bridge_launch = importlib.util.module_from_spec(specification)
specification.loader.exec_module(bridge_launch)
bridge_sites = bridge_launch.load_module("bridge_sites")

SITES = "sites"
CHECK = bridge_sites.CHECK
RVIZ = bridge_sites.RVIZ
SHARED = [argument for argument in bridge_launch.ARGUMENTS if argument.name in bridge_sites.SHARED]
DECLARED = [argument for argument in bridge_launch.ARGUMENTS if argument.name in {*bridge_sites.SHARED, CHECK}]


def check(context, sites, given):
    """Runs sensr_check for all sites. Returns those without failures, and the actions that log the findings."""
    values = {argument.name: argument.default for argument in bridge_launch.ARGUMENTS} | given
    values[CHECK] = LaunchConfiguration(CHECK).perform(context)
    try:
        options = bridge_launch.bridge_arguments.parse_arguments(bridge_launch.ARGUMENTS, values)
        if not options.check:
            return sites, []
        namespace = bridge_launch.absolute_namespace(options, context)
        result = bridge_launch.pre_flight(options, namespace, sites)
    except (bridge_launch.bridge_arguments.ArgumentError, bridge_launch.bridge_check.CheckError, OSError) as error:
        bridge_launch.fail(context, f"sites.launch.py: nothing was started: {error}")
        return [], []
    passed = []
    for site in sites:
        if failures := result.failures(site):
            bridge_launch.fail(context, f"site {site} was not started, sensr_check fails: {', '.join(failures)}")
        else:
            passed.append(site)
    return passed, [LogInfo(msg=line) for line in result.lines()]


def start(context):
    """Includes bridge.launch.py once per site, or nothing if an argument is invalid."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in SHARED}
    try:
        sites = bridge_sites.parse_sites(LaunchConfiguration(SITES).perform(context))
        parse_switch = bridge_launch.bridge_arguments.parse_switch
        shown = bridge_sites.parse_shown(LaunchConfiguration(RVIZ).perform(context), sites, parse_switch)
    except bridge_sites.SitesError as error:
        bridge_launch.fail(context, f"sites.launch.py: {error}")
        return []
    names = [word.split(":=", 1)[0] for word in context.argv]
    unused = bridge_sites.find_unused(names, [argument.name for argument in bridge_launch.ARGUMENTS])
    result = [LogInfo(msg=f"{name}: has no effect on sites.launch.py, it is for one bridge") for name in unused]
    sites, log = check(context, sites, given)
    result += log
    source = str(BRIDGE_LAUNCH_FILE)
    for site in sites:
        arguments = bridge_sites.arguments_of(site, given, site in shown)
        result.append(
            IncludeLaunchDescription(PythonLaunchDescriptionSource(source), launch_arguments=arguments.items())
        )
    return result


def generate_launch_description():
    return LaunchDescription(
        [
            OpaqueFunction(function=bridge_launch.drop_arguments_of_former_include),
            DeclareLaunchArgument(SITES, description="Names of sites in the hosts file, separated by commas."),
            DeclareLaunchArgument(
                RVIZ,
                default_value="false",
                description="Show each site in an rviz2 of its own: true or false, or the names of the sites to show.",
            ),
            *bridge_launch.declarations(DECLARED),
            OpaqueFunction(function=start),
        ]
    )
