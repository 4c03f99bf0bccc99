"""Launches one bridge: `ros2 launch sensr_bridge bridge.launch.py host:=192.0.2.10 record:=true rviz:=true`.

The arguments select files and set a few frequent options; all other parameters are in a YAML file (params_file).
`ros2 launch sensr_bridge bridge.launch.py --show-args` describes each argument. Another launch file may include this
one several times, once for each site.
"""

import importlib.util
import os
import shutil
from datetime import datetime
from pathlib import Path

import yaml
from ament_index_python.packages import (
    PackageNotFoundError,
    get_package_prefix,
    get_package_share_directory,
)
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import matches_action
from launch.events.process import ShutdownProcess
from launch.logging import get_logger, launch_config
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node


def load_module(name):
    """Loads a module from the folder of this file, which is not on Python's path."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bridge_arguments = load_module("bridge_arguments")
bridge_check = load_module("bridge_check")
bridge_nodes = load_module("bridge_nodes")
bridge_view = load_module("bridge_view")

PACKAGE = bridge_nodes.PACKAGE
RECORDER = bridge_nodes.RECORDER
EXIT_INVALID_CONFIGURATION = bridge_nodes.EXIT_INVALID_CONFIGURATION
CONFIG = Path(get_package_share_directory(PACKAGE)) / "config"
ARGUMENTS = bridge_arguments.all_arguments(CONFIG, os.environ)


class UsedArgument(str):
    """Launch configuration that a bridge was started with.

    The arguments of an include remain set after it. This mark keeps the next include of this file from using them; for
    all other readers the value is still a string.
    """

    # An attribute, because each include of this file has its own class.
    is_used_by_a_bridge = True


def drop_arguments_of_former_include(context):
    """Removes the arguments of a former include of this file. Those of the command line apply to all includes."""
    configurations = context.launch_configurations
    command_line = dict(word.split(":=", 1) for word in context.argv if ":=" in word)
    for argument in ARGUMENTS:
        if hasattr(configurations.get(argument.name), "is_used_by_a_bridge"):
            del configurations[argument.name]
            if argument.name in command_line:
                configurations[argument.name] = command_line[argument.name]


def mark_arguments_as_used(context):
    """Marks the arguments of this include for `drop_arguments_of_former_include`."""
    for argument in ARGUMENTS:
        configurations = context.launch_configurations
        configurations[argument.name] = UsedArgument(configurations[argument.name])


def fail(context, reason):
    """Logs an error and makes the exit code of `ros2 launch` another than 0, whenever it ends.

    An exception would end the launch at once, with all its other nodes, and leave those that are just being started
    running as orphans.
    """
    # asyncio logs the reason; creating its logger here adds it to the log file of the launch.
    get_logger("asyncio")
    context.asyncio_loop.call_exception_handler({"message": reason})


class Group:
    """Processes of one bridge, which end together without affecting the rest of the launch."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        self.is_given_up = False

    def add(self, process):
        self.processes.append(process)

    def handlers(self, bridge, simulator, recorder):
        """Returns the event handlers that give up the group after a failure that a restart cannot cure.

        A failure of the recorder does not affect the others.
        """

        def bridge_ended(event, context):
            if event.returncode == EXIT_INVALID_CONFIGURATION:
                return self.give_up(context, "the configuration is invalid, see the last line of the bridge")
            return None

        def simulator_ended(event, context):
            if event.returncode != 0:
                return self.give_up(context, "the simulator failed, see its last line")
            return None

        def recorder_ended(event, context):
            if event.returncode == EXIT_INVALID_CONFIGURATION and not (self.is_given_up or context.is_shutdown):
                fail(context, f"{self.name} IS NOT RECORDED: {RECORDER} was given up, see its last line")
                return end_processes([recorder])
            return None

        handlers = [OnProcessExit(target_action=bridge, on_exit=bridge_ended)]
        if simulator:
            handlers.append(OnProcessExit(target_action=simulator, on_exit=simulator_ended))
        if recorder:
            handlers.append(OnProcessExit(target_action=recorder, on_exit=recorder_ended))
        return [RegisterEventHandler(handler) for handler in handlers]

    def give_up(self, context, reason):
        """Ends all processes of the group and logs the reason."""
        if self.is_given_up or context.is_shutdown:
            return None
        self.is_given_up = True
        fail(context, f"{self.name} was given up: {reason}")
        return end_processes(self.processes)


def end_processes(processes):
    """Returns the actions that end processes for good."""
    return [EmitEvent(event=ShutdownProcess(process_matcher=matches_action(one))) for one in processes]


def require_installed(options):
    """Refuses options whose package is not installed, before any process starts."""
    needs = []
    if options.record:
        needs += [("record", "ros2bag"), ("record", "rosbag2_storage_mcap")]
    if options.rviz:
        needs += [("rviz", "rviz2")]
    require_packages(needs)
    if options.record:
        require_ros2("record")


def require_packages(needs):
    """Refuses arguments, given each with a package that it needs, whose package is not installed."""
    for argument, package in needs:
        try:
            get_package_prefix(package)
        except PackageNotFoundError:
            debian = f"ros-{os.environ.get('ROS_DISTRO', 'DISTRO')}-{package.replace('_', '-')}"
            raise bridge_arguments.ArgumentError(
                f"{argument}: the package {package} is not installed (apt install {debian})"
            ) from None


def require_ros2(argument):
    """Refuses an argument that needs the command ros2 if there is none."""
    if not shutil.which("ros2"):
        raise bridge_arguments.ArgumentError(f"{argument}: the command ros2 is not in PATH")


def absolute_namespace(options, context):
    """Returns the namespace of the nodes as launch_ros composes it, `/` for none."""
    base = context.launch_configurations.get("ros_namespace", "")
    joined = options.namespace if options.namespace.startswith("/") else f"{base}/{options.namespace}"
    return "/" + joined.strip("/")


def run_name(namespace):
    """Returns a name for the files of this run."""
    began = datetime.now().strftime("%Y%m%d_%H%M%S")
    return "_".join([*namespace.strip("/").split("/"), began]).strip("_")


def rviz_nodes(options, resolved, namespace, use_sim_time=False):
    """Returns rviz2 with the frame, topics and reliability of the bridge, and a transform if the bridge has none.

    With `use_sim_time`, its clock is that of a player.
    """
    shipped = yaml.safe_load((CONFIG / "sensr.rviz").read_text(encoding="utf-8"))
    frame = resolved.get("frame_id") or shipped["Visualization Manager"]["Global Options"]["Fixed Frame"]
    parent = resolved.get("parent_frame")
    config, remappings = bridge_view.rviz_config(
        shipped,
        namespace=namespace,
        frame=frame,
        unnamed=(parent if resolved.get("frames_coincide") else None) if parent else view_frame(frame),
        reliable=resolved.get("qos.reliability") != "best_effort",
        fixed_frame=options.fixed_frame,
    )
    environment = bridge_nodes.dds_environment(options.subscriber_dds_profile)
    config_file = Path(launch_config.get_log_file_path(f"{run_name(namespace)}.rviz"))
    config_file.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    shown = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        namespace=namespace,
        arguments=["--display-config", str(config_file)],
        remappings=remappings,
        parameters=[{"use_sim_time": True}] if use_sim_time else [],
        output="screen",
        additional_env=environment,
    )
    return [shown] if resolved.get("parent_frame") else [shown, *frame_for_rviz(frame, namespace, environment)]


def view_frame(frame):
    return f"{frame}_view"


def frame_for_rviz(frame, namespace, environment):
    """Returns the publisher of an arbitrary transform, because rviz2 warns of frames without transforms."""
    try:
        program = Path(get_package_prefix("tf2_ros")) / "lib" / "tf2_ros" / "static_transform_publisher"
    except PackageNotFoundError:
        return []
    if not program.exists():
        return []
    return [
        Node(
            package="tf2_ros",
            executable="static_transform_publisher",
            name=f"{PACKAGE}_frame",
            namespace=namespace,
            arguments=["--frame-id", frame, "--child-frame-id", view_frame(frame)],
            output="own_log",
            additional_env=environment,
        )
    ]


def processes(options, namespace, group, context):
    """Returns all actions of one bridge."""
    result = []
    resolved = {}
    if options.sim or options.rviz:
        resolved, unknown = bridge_nodes.resolve_parameters(options, namespace)
        if unknown:
            result.append(LogInfo(msg=f"frame and ports of {group.name} are unknown, using the defaults: {unknown}"))
    sim = bridge_nodes.simulator_node(resolved) if options.sim else None
    node = bridge_nodes.bridge_node(options, namespace, context)
    recorder = None
    if options.record:
        parameters = bridge_arguments.recorder_parameters(options)
        recorder = bridge_nodes.recorder_node(options, namespace, context, parameters)
    result += [action for action in (sim, node, recorder) if action]
    if options.rviz:
        result += rviz_nodes(options, resolved, namespace)
    for action in result:
        if isinstance(action, ExecuteProcess):
            group.add(action)
    return [*group.handlers(node, sim, recorder), *result]


def pre_flight(options, namespace, sites=()):
    """Runs sensr_check for the bridge that the options describe, or for that of each site within the namespace.

    Returns its result. Raises `CheckError` if there is none.
    """
    words = bridge_check.arguments(
        [*bridge_nodes.bridge_ros_arguments(options, namespace), "-r", f"__ns:={namespace}"],
        sites=sites,
        recorder_params_file=options.recorder_params_file if options.record else None,
        recorder_parameters=bridge_nodes.quoted(bridge_arguments.recorder_parameters(options)),
    )
    executable = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / "sensr_check"
    return bridge_check.run_check(
        str(executable), words, os.environ | bridge_nodes.dds_environment(options.dds_profile)
    )


def report_misspelt(context, arguments, file):
    """Returns the actions that log arguments of the command line which the launch file `file` does not have."""
    names = [word.split(":=", 1)[0] for word in context.argv]
    return [
        LogInfo(msg=f"{name}: {file} has no such argument, did you mean {near}?")
        for name, near in bridge_arguments.find_misspelt(arguments, names).items()
    ]


def start(context):
    """Starts one bridge with its simulator, recorder and rviz2, or nothing if an argument is invalid."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    result = report_misspelt(context, ARGUMENTS, "bridge.launch.py")
    try:
        options = bridge_arguments.parse_arguments(ARGUMENTS, given)
        require_installed(options)
        namespace = absolute_namespace(options, context)
        if options.check:
            checked = pre_flight(options, namespace)
            result += [LogInfo(msg=line) for line in checked.lines()]
            if failures := checked.failures():
                fail(context, f"bridge.launch.py: nothing was started, sensr_check fails: {', '.join(failures)}")
                return result
        group = Group("/".join([namespace.rstrip("/"), PACKAGE]))
        result += processes(options, namespace, group, context)
    except (bridge_arguments.ArgumentError, bridge_check.CheckError, OSError) as error:
        # Nothing has been started yet.
        fail(context, f"bridge.launch.py: {error}")
    return result


def declarations(arguments):
    """Returns the actions that declare arguments."""
    return [
        DeclareLaunchArgument(argument.name, default_value=argument.default, description=argument.description)
        for argument in arguments
    ]


def generate_launch_description():
    return LaunchDescription(
        [
            OpaqueFunction(function=drop_arguments_of_former_include),
            *declarations(ARGUMENTS),
            OpaqueFunction(function=start),
            OpaqueFunction(function=mark_arguments_as_used),
        ]
    )
