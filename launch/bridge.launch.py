"""One bridge: `ros2 launch sensr_bridge bridge.launch.py host:=192.0.2.10 record:=true rviz:=true`.

Parameters live in a YAML file (params_file); the arguments here only choose files and the few things
people type. `ros2 launch sensr_bridge bridge.launch.py --show-args` explains each. A launch file of your own may
include this one several times, once for each site.
"""

import importlib.util
import json
import os
import shutil
import subprocess
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
from rclpy.qos import QoSReliabilityPolicy


def module_beside(name):
    """Loads a module from the folder of this file, which is on no path."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bridge_arguments = module_beside("bridge_arguments")
bridge_recording = module_beside("bridge_recording")
bridge_view = module_beside("bridge_view")

PACKAGE = "sensr_bridge"
CONFIG = Path(get_package_share_directory(PACKAGE)) / "config"
ARGUMENTS = bridge_arguments.arguments(CONFIG, os.environ)

# Where Fast DDS looks for its profile. The old name still works later, but with a warning.
PROFILE_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"
    if os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)

# The bridge ends with this code when what it was given is wrong: starting it again cannot help.
EXIT_BAD_CONFIGURATION = 2

# The bridge needs this long to say what it will do. A machine that is starting up may be slow.
RESOLVE_LIMIT = 30.0


class Used(str):
    """A launch configuration that a bridge was started with.

    The arguments of an include stay behind when it is done. Marked as used they are not taken for arguments of the
    next include of this file; whoever else reads them sees a text as before.
    """

    # Looked for by name: each include of this file has a class of its own.
    is_used_by_a_bridge = True


def forget_the_include_before(context):
    """Leaves the arguments of the include before to it. Those of the command line are for all includes."""
    configurations = context.launch_configurations
    command_line = dict(word.split(":=", 1) for word in context.argv if ":=" in word)
    for argument in ARGUMENTS:
        if hasattr(configurations.get(argument.name), "is_used_by_a_bridge"):
            del configurations[argument.name]
            if argument.name in command_line:
                configurations[argument.name] = command_line[argument.name]


def mark_as_used(context):
    for argument in ARGUMENTS:
        configurations = context.launch_configurations
        configurations[argument.name] = Used(configurations[argument.name])


def fail(context, reason):
    """Makes `ros2 launch` end with another exit code than 0, whenever it ends, and says why.

    An exception would do so too, but at once, and with it would go all other nodes of the launch, those that are
    just being started as orphans.
    """
    # Its lines are those of a logger that otherwise would not reach the log file of the launch.
    get_logger("asyncio")
    context.asyncio_loop.call_exception_handler({"message": reason})


class Group:
    """The processes of one bridge: given up together, whatever else the launch is made of."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        self.is_given_up = False

    def add(self, process):
        self.processes.append(process)

    def handlers(self, bridge, simulator):
        """What ends the group: starting the bridge or the simulator again could not mend it."""

        def bridge_ended(event, context):
            if event.returncode == EXIT_BAD_CONFIGURATION:
                return self.give_up(context, "the configuration is wrong, see its last line")
            return None

        def simulator_ended(event, context):
            if event.returncode != 0:
                return self.give_up(context, "the simulator failed, see its last line")
            return None

        handlers = [OnProcessExit(target_action=bridge, on_exit=bridge_ended)]
        if simulator:
            handlers.append(OnProcessExit(target_action=simulator, on_exit=simulator_ended))
        return [RegisterEventHandler(handler) for handler in handlers]

    def give_up(self, context, reason):
        if self.is_given_up or context.is_shutdown:
            return None
        self.is_given_up = True
        fail(context, f"{self.name} was given up: {reason}")
        return [EmitEvent(event=ShutdownProcess(process_matcher=matches_action(one))) for one in self.processes]


def require_installed(options):
    """Refuses what needs a package that is not there. A process that cannot be started would leave the others."""
    needs = []
    if options.record:
        needs += [("record", "ros2bag"), ("record", "rosbag2_storage_mcap")]
    if options.rviz:
        needs += [("rviz", "rviz2")]
    for argument, package in needs:
        try:
            get_package_prefix(package)
        except PackageNotFoundError:
            debian = f"ros-{os.environ.get('ROS_DISTRO', 'DISTRO')}-{package.replace('_', '-')}"
            raise bridge_arguments.Refused(
                f"{argument}: the package {package} is not installed, such as with apt install {debian}"
            ) from None
    if options.record and not shutil.which("ros2"):
        raise bridge_arguments.Refused("record: there is no ros2 command in PATH")


def absolute_namespace(options, context):
    """The namespace of the nodes as launch_ros makes it. `/`: none."""
    base = context.launch_configurations.get("ros_namespace", "")
    joined = options.namespace if options.namespace.startswith("/") else f"{base}/{options.namespace}"
    return "/" + joined.strip("/")


def quoted(text):
    """A text as YAML: of itself `08` is a number there, and `N` a truth value."""
    return "'" + text.replace("'", "''") + "'"


def ros_arguments(options, namespace):
    """Parameters on the command line: a file that launch_ros would write for them may be gone at the next start."""
    overrides = {}
    if options.sim:
        overrides["host"] = "localhost"
    if options.host:
        overrides["host"] = options.host
    if options.hosts_file:
        overrides["hosts_file"] = str(options.hosts_file)
    logger = ".".join([*namespace.strip("/").split("/"), PACKAGE]).strip(".")
    words = ["--log-level", f"{logger}:={options.log_level}", "--params-file", str(options.params_file)]
    for name, value in overrides.items():
        words += ["-p", f"{name}:={quoted(value)}"]
    return words


def dds_environment(profile):
    """The bridge's environment with the profile.

    Who only receives does without: the recorder loses no more and takes half the memory.
    """
    rmw = os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp"
    if profile is None or not rmw.startswith("rmw_fastrtps"):
        return {}
    return {PROFILE_VARIABLE: str(profile)}


def bridge(options, namespace):
    return Node(
        package=PACKAGE,
        executable=PACKAGE,
        name=PACKAGE,
        namespace=namespace,
        ros_arguments=ros_arguments(options, namespace),
        additional_env=dds_environment(options.dds_profile),
        output="screen",
        emulate_tty=True,
        respawn=True,
        respawn_delay=2.0,
    )


def run_name(namespace):
    """A name for the files of this run."""
    began = datetime.now().strftime("%Y%m%d_%H%M%S")
    return "_".join([*namespace.strip("/").split("/"), began]).strip("_")


def recorder(options, namespace):
    name = run_name(namespace)
    folder = options.bag_dir / name
    qos_file = Path(launch_config.get_log_file_path(f"{name}_qos.yaml"))
    # A recorder that asks for the most that is offered came with Iron.
    adaptive = hasattr(QoSReliabilityPolicy, "BEST_AVAILABLE")
    qos_file.write_text(yaml.safe_dump(bridge_recording.qos(namespace, adaptive)))
    command = bridge_recording.command(
        namespace, folder, qos_file, duration=options.bag_duration, preset=options.storage_preset
    )
    return [
        LogInfo(msg=f"recording to {folder}"),
        ExecuteProcess(cmd=command, output="screen", name="recorder"),
    ]


def resolve(options, namespace):
    """Asks the bridge which parameters it will start with, those of its site included.

    Returns them by name, none if it cannot tell, and the reason for the log, if the bridge will not give it itself.
    """
    executable = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / PACKAGE
    arguments = [*ros_arguments(options, namespace), "-r", f"__ns:={namespace}"]
    try:
        asked = subprocess.run(
            [str(executable), "--print-resolved", "--ros-args", *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=RESOLVE_LIMIT,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no answer from {executable} for {RESOLVE_LIMIT:.0f} s"
    if asked.returncode == 0:
        return json.loads(asked.stdout), None
    if asked.returncode == EXIT_BAD_CONFIGURATION:
        return {}, None
    return {}, (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]


def simulator(resolved):
    """The simulator, on the ports on which the bridge will look for it."""
    ports = {"--output-port": resolved.get("output_port"), "--points-port": resolved.get("points_port")}
    arguments = [word for name, port in ports.items() if port for word in (name, str(port))]
    return Node(package=PACKAGE, executable="sensr_sim", arguments=arguments, output="screen")


def rviz(resolved, namespace):
    """rviz2 with the frame, the topics and the reliability of the bridge, and a transform if there is none."""
    shipped = yaml.safe_load((CONFIG / "sensr.rviz").read_text(encoding="utf-8"))
    frame = resolved.get("frame_id") or shipped["Visualization Manager"]["Global Options"]["Fixed Frame"]
    config, remappings = bridge_view.view(
        shipped,
        namespace=namespace,
        frame=frame,
        unnamed=resolved.get("parent_frame") or view_frame(frame),
        reliable=resolved.get("qos.reliability") != "best_effort",
    )
    config_file = Path(launch_config.get_log_file_path(f"{run_name(namespace)}.rviz"))
    config_file.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    shown = Node(
        package="rviz2",
        executable="rviz2",
        name="rviz2",
        namespace=namespace,
        arguments=["--display-config", str(config_file)],
        remappings=remappings,
        output="screen",
    )
    return [shown] if resolved.get("parent_frame") else [shown, *frame_for_rviz(frame, namespace)]


def view_frame(frame):
    return f"{frame}_view"


def frame_for_rviz(frame, namespace):
    """A transform that says nothing of the frame but that there is one: rviz2 warns of frames without transforms."""
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
        )
    ]


def processes(options, namespace, group):
    """Everything that one bridge consists of."""
    result = []
    resolved = {}
    if options.sim or options.rviz:
        resolved, unknown = resolve(options, namespace)
        if unknown:
            result.append(
                LogInfo(msg=f"the frame and ports of {group.name} are not known, defaults are used: {unknown}")
            )
    sim = simulator(resolved) if options.sim else None
    node = bridge(options, namespace)
    result += [sim, node] if sim else [node]
    if options.record:
        result += recorder(options, namespace)
    if options.rviz:
        result += rviz(resolved, namespace)
    for action in result:
        if isinstance(action, ExecuteProcess):
            group.add(action)
    return [*group.handlers(node, sim), *result]


def start(context):
    """Starts one bridge and what belongs to it, or nothing."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    names = [word.split(":=", 1)[0] for word in context.argv]
    result = [
        LogInfo(msg=f"{name}: bridge.launch.py has no such argument, but {near}")
        for name, near in bridge_arguments.misspelt(ARGUMENTS, names).items()
    ]
    try:
        options = bridge_arguments.parse(ARGUMENTS, given)
        require_installed(options)
        namespace = absolute_namespace(options, context)
        group = Group("/".join([namespace.rstrip("/"), PACKAGE]))
        result += processes(options, namespace, group)
    except (bridge_arguments.Refused, OSError) as error:
        # Nothing has been started yet.
        fail(context, f"bridge.launch.py: {error}")
    return result


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(argument.name, default_value=argument.default, description=argument.description)
        for argument in ARGUMENTS
    ]
    return LaunchDescription(
        [
            OpaqueFunction(function=forget_the_include_before),
            *declared,
            OpaqueFunction(function=start),
            OpaqueFunction(function=mark_as_used),
        ]
    )
