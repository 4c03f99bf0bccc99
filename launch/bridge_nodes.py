"""Nodes of bridge.launch.py: bridge, recorder and simulator, with their command lines and environments.

Namespaces are absolute, `/` for none.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from ament_index_python.packages import get_package_prefix
from launch_ros.actions import Node

PACKAGE = "sensr_bridge"
RECORDER = "sensr_recorder"

# Variable that names the Fast DDS profile. Later versions accept the old name with a warning.
PROFILE_VARIABLE = (
    "FASTRTPS_DEFAULT_PROFILES_FILE"
    if os.environ.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    else "FASTDDS_DEFAULT_PROFILES_FILE"
)

# Exit code of bridge and recorder for an invalid configuration, which a restart cannot cure.
EXIT_INVALID_CONFIGURATION = 2

# Times in seconds from the end of the launch to SIGTERM, and from there to SIGKILL. The recorder may need a minute to
# write the index of its bag, and ends by itself at the latest after 75 s. By default a launch waits for 5 s.
RECORDER_STOP_TIMES = {"sigterm_timeout": "80", "sigkill_timeout": "10"}

# Longest time for the bridge to print its configuration, on a machine that is starting up.
RESOLVE_TIMEOUT = 30.0


def quote(text):
    """Quotes a string for YAML, where `08` is a number and `N` a boolean."""
    return "'" + text.replace("'", "''") + "'"


def ros_arguments(node, namespace, params_file, log_level, overrides):
    """Returns the ROS arguments of a node.

    Parameters are on the command line, because a temporary file written by launch_ros may be deleted before a restart.
    """
    logger = ".".join([*namespace.strip("/").split("/"), node]).strip(".")
    words = ["--log-level", f"{logger}:={log_level}", "--params-file", str(params_file)]
    for name, value in quoted(overrides).items():
        words += ["-p", f"{name}:={value}"]
    return words


def quoted(parameters):
    """Returns parameters as texts in YAML."""
    return {name: quote(value) if isinstance(value, str) else str(value) for name, value in parameters.items()}


def bridge_ros_arguments(options, namespace):
    """Returns the ROS arguments of the bridge."""
    overrides = {}
    if options.sim:
        overrides["host"] = "localhost"
    if options.host:
        overrides["host"] = options.host
    if options.hosts_file:
        overrides["hosts_file"] = str(options.hosts_file)
    return ros_arguments(PACKAGE, namespace, options.params_file, options.log_level, overrides)


def dds_environment(profile):
    """Returns the environment variables of a node that select a profile.

    Recorder and rviz2 run without that of the bridge: they lose no more messages and need half the memory.
    """
    rmw = os.environ.get("RMW_IMPLEMENTATION") or "rmw_fastrtps_cpp"
    if profile is None or not rmw.startswith("rmw_fastrtps"):
        return {}
    return {PROFILE_VARIABLE: str(profile)}


def prefix(executable, context):
    """Returns the words before the command of an executable: setpriv, and the `launch-prefix` of the command line.

    `ros2 launch` leaves its processes running when it is ended with SIGTERM or SIGKILL. With setpriv they then receive
    SIGINT from the kernel, and end in order.
    """
    words = ["setpriv --pdeathsig INT"] if shutil.which("setpriv") else []
    configurations = context.launch_configurations
    if re.match(configurations.get("launch-prefix-filter", ""), executable):
        words += [configurations.get("launch-prefix", "")]
    return " ".join(words)


def supervised_node(executable, namespace, context, **options):
    """Returns a node that is started again whenever it ends before the launch does."""
    return Node(
        package=PACKAGE,
        executable=executable,
        name=executable,
        namespace=namespace,
        prefix=prefix(executable, context),
        # Otherwise the lines of the log would begin with the name of the prefix.
        exec_name=executable,
        output="screen",
        emulate_tty=True,
        respawn=True,
        respawn_delay=2.0,
        **options,
    )


def bridge_node(options, namespace, context):
    return supervised_node(
        PACKAGE,
        namespace,
        context,
        ros_arguments=bridge_ros_arguments(options, namespace),
        additional_env=dds_environment(options.dds_profile),
    )


def recorder_node(options, namespace, context, parameters):
    """Returns the recorder, with these parameters over those of its file. It ends after the bridge."""
    return supervised_node(
        RECORDER,
        namespace,
        context,
        ros_arguments=ros_arguments(RECORDER, namespace, options.recorder_params_file, options.log_level, parameters),
        additional_env=dds_environment(options.subscriber_dds_profile),
        **RECORDER_STOP_TIMES,
    )


def resolve_parameters(options, namespace):
    """Runs the bridge with `--print-resolved` to get its effective parameters, those of its site included.

    Returns the parameters by name, empty after a failure, and a reason for the log unless the bridge will log it
    itself.
    """
    executable = Path(get_package_prefix(PACKAGE)) / "lib" / PACKAGE / PACKAGE
    arguments = [*bridge_ros_arguments(options, namespace), "-r", f"__ns:={namespace}"]
    try:
        result = subprocess.run(
            [str(executable), "--print-resolved", "--ros-args", *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=RESOLVE_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {}, f"no output of {executable} within {RESOLVE_TIMEOUT:.0f} s"
    if result.returncode == 0:
        return json.loads(result.stdout), None
    if result.returncode == EXIT_INVALID_CONFIGURATION:
        return {}, None
    return {}, (result.stderr.strip().splitlines() or [f"exit code {result.returncode}"])[-1]


def simulator_node(resolved):
    """Returns the simulator, listening on the ports to which the bridge will connect."""
    ports = {"--output-port": resolved.get("output_port"), "--points-port": resolved.get("points_port")}
    arguments = [word for name, port in ports.items() if port for word in (name, str(port))]
    return Node(package=PACKAGE, executable="sensr_sim", arguments=arguments, output="screen")
