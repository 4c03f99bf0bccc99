"""Plays a recording: `ros2 launch sensr_bridge replay.launch.py bag:=bags/site_20260501_120000 rviz:=true`.

The topics have the quality of service with which they were recorded, so that late subscribers get latched messages, and
/clock has the time of the recording. The launch ends with the recording, or when rviz2 is closed.
`ros2 launch sensr_bridge replay.launch.py --show-args` describes each argument.
"""

import importlib.util
import os
import subprocess
from pathlib import Path

from ament_index_python.packages import get_package_prefix
from launch import LaunchDescription
from launch.actions import ExecuteProcess, LogInfo, OpaqueFunction, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessIO
from launch.logging import launch_config
from launch.substitutions import LaunchConfiguration

BRIDGE_LAUNCH_FILE = Path(__file__).with_name("bridge.launch.py")
specification = importlib.util.spec_from_file_location("bridge_launch", BRIDGE_LAUNCH_FILE)
bridge_launch = importlib.util.module_from_spec(specification)
specification.loader.exec_module(bridge_launch)
bridge_arguments = bridge_launch.bridge_arguments
bridge_nodes = bridge_launch.bridge_nodes
replay_bag = bridge_launch.load_module("replay_bag")

Argument = bridge_arguments.Argument
ARGUMENTS = [
    Argument("bag", "", "Folder of the recording.", bridge_arguments.parse_path),
    Argument("rviz", "false", "Show the recording in rviz2: true or false.", bridge_arguments.parse_switch),
    Argument(
        "rate",
        "1.0",
        "Speed: 2 plays twice as fast as it was recorded.",
        bridge_arguments.number_parser(0.001, 1000, ""),
    ),
    Argument("loop", "false", "Begin again at the end: true or false.", bridge_arguments.parse_switch),
    Argument(
        "start_offset",
        "0.0",
        "Seconds of the recording to skip at the beginning.",
        bridge_arguments.number_parser(0, 1e9, " seconds"),
    ),
    Argument(
        "namespace",
        "",
        "Bridge to play, if the recording has several. Empty: all, or with rviz the only one.",
        bridge_arguments.optional(bridge_arguments.parse_namespace),
    ),
    *(argument for argument in bridge_launch.ARGUMENTS if argument.name == "fixed_frame"),
    Argument(
        "dds_profile",
        bridge_arguments.default_dds_profile(os.environ),
        "Fast DDS profile of the player, as in bridge.launch.py: network, machine, none, or a file.",
        bridge_arguments.profile_parser(bridge_launch.CONFIG),
    ),
]


def player_help():
    result = subprocess.run(["ros2", "bag", "play", "--help"], capture_output=True, encoding="utf-8", check=False)
    return result.stdout


def processes(options, context):
    """Returns the player, rviz2 if it is wanted, and what ends them."""
    offers = replay_bag.read_offers(options.bag)
    frames, topics, namespace = {}, None, None
    # Otherwise everything is played, of whatever it is a recording.
    if options.rviz or options.namespace is not None:
        sensr_bag = Path(get_package_prefix(bridge_nodes.PACKAGE)) / "lib" / bridge_nodes.PACKAGE / "sensr_bag"
        frames = replay_bag.read_frames(sensr_bag, options.bag)
        namespace = replay_bag.choose_bridge(frames, options.namespace)
        if len(frames) > 1:
            topics = replay_bag.topics_of(offers, namespace, frames)
    file = Path(launch_config.get_log_file_path("qos_overrides.yaml"))
    file.write_text(replay_bag.overrides(offers), encoding="utf-8")
    command = replay_bag.player_command(
        options.bag,
        offers=offers,
        overrides_file=file,
        help_text=player_help(),
        rate=options.rate,
        loop=options.loop,
        start_offset=options.start_offset,
        topics=topics,
    )
    player = ExecuteProcess(
        cmd=command,
        name="ros2_bag_play",
        output="screen",
        # Otherwise the player would outlive a launch that is ended with SIGTERM.
        prefix=bridge_nodes.prefix("ros2", context),
        additional_env=bridge_nodes.dds_environment(options.dds_profile),
    )
    viewers = rviz(options, frames[namespace], offers, namespace) if options.rviz else []
    replay = Replay(player, viewers)
    return [*replay.handlers(), player, *viewers]


class Replay:
    """Player and viewers, which end together without affecting the rest of the launch."""

    def __init__(self, player, viewers):
        self.player = player
        self.viewers = viewers
        self.has_failed = False
        self.is_closed = False

    def handlers(self):
        """Returns the event handlers that end all after a failure, and the player with rviz2."""
        handlers = [
            OnProcessIO(target_action=self.player, on_stdout=self.read, on_stderr=self.read),
            OnProcessExit(target_action=self.player, on_exit=self.player_ended),
        ]
        if self.viewers:
            handlers.append(OnProcessExit(target_action=self.viewers[0], on_exit=self.rviz_ended))
        return [RegisterEventHandler(handler) for handler in handlers]

    def read(self, event):
        """Looks for the failure after which the stock player ends with exit code 0, or waits for ever."""
        if replay_bag.FAILURE in event.text.decode(errors="replace"):
            self.has_failed = True
            return bridge_launch.end_processes([self.player, *self.viewers])
        return None

    def player_ended(self, event, context):
        if context.is_shutdown or (self.is_closed and not self.has_failed):
            return None
        if self.has_failed or event.returncode != 0:
            bridge_launch.fail(context, "replay.launch.py: the player failed, see its last lines")
            return bridge_launch.end_processes(self.viewers)
        closing = "; close rviz2 to end" if self.viewers else ""
        return LogInfo(msg=f"the recording has been played{closing}")

    def rviz_ended(self, _event, _context):
        self.is_closed = True
        return bridge_launch.end_processes([self.player, *self.viewers[1:]])


def rviz(options, frames, offers, namespace):
    """Returns rviz2, fitted to the frame, the namespace and the quality of service of the recording."""
    clouds = offers.get(f"{namespace.rstrip('/')}/points/raw")
    resolved = frames | {"qos.reliability": clouds.reliability if clouds else "reliable"}
    return bridge_launch.rviz_nodes(options, resolved, namespace, use_sim_time=True)


def start(context):
    """Starts player and rviz2, or nothing if an argument or the recording is unusable."""
    given = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    result = bridge_launch.report_misspelt(context, ARGUMENTS, "replay.launch.py")
    try:
        if not given["bag"].strip():
            raise replay_bag.ReplayError("bag: give the folder of a recording, bag:=FOLDER")
        options = bridge_arguments.parse_values(ARGUMENTS, given)
        needs = [("bag", "ros2bag"), ("bag", "rosbag2_storage_mcap"), *([("rviz", "rviz2")] if options.rviz else [])]
        bridge_launch.require_packages(needs)
        bridge_launch.require_ros2("bag")
        result += processes(options, context)
    except (bridge_arguments.ArgumentError, replay_bag.ReplayError, OSError) as error:
        # Nothing has been started yet.
        bridge_launch.fail(context, f"replay.launch.py: {error}")
    return result


def generate_launch_description():
    return LaunchDescription([*bridge_launch.declarations(ARGUMENTS), OpaqueFunction(function=start)])
