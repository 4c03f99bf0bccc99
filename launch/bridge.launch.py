"""One bridge: `ros2 launch sensr_bridge bridge.launch.py host:=192.0.2.10 record:=true rviz:=true`.

Parameters live in a YAML file (params_file); the arguments here only choose files and the few things
people type. `ros2 launch sensr_bridge bridge.launch.py --show-args` explains each.
"""

import os
from datetime import datetime
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
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
from launch.events import Shutdown
from launch.logging import launch_config
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from rclpy.qos import QoSReliabilityPolicy

PACKAGE = 'sensr_bridge'
CONFIG = Path(get_package_share_directory(PACKAGE)) / 'config'

# What the bridge publishes, relative to its namespace (those that begin with a slash are every node's), and how
# many messages of each the recorder lets wait. Of itself it takes reliability and durability from what is offered
# but 10 messages whatever the topic, and what comes while these wait pushes the oldest out without a word. It must
# hold out for as long as it does not take messages: at each split the rest of its cache, 100 MiB, goes to the disk
# first. A place costs memory only once a message has been in it.
TOPICS = {
    # Two seconds at 10 Hz. At 131,072 points each topic then holds up to 42 MB.
    'points/raw': 20,
    'points/ground': 20,
    'points/background': 20,
    'points/objects': 20,
    # The frames of both links.
    'wire': 40,
    'objects': 100,
    'markers/objects': 100,
    'markers/zones': 100,
    # Every one counts, and they come in bursts, for a crowd a thousand within a second. Fast DDS keeps no more
    # than 5000 unless its profile says so.
    'events/zone': 5000,
    'events/losing': 5000,
    'events/recalibration': 5000,
    'zones': 100,
    'health': 100,
    'server_status': 100,
    'statistics': 100,
    '/diagnostics': 1000,
    '/tf_static': 1000,
}
# Published TRANSIENT_LOCAL.
LATCHED = ['zones', 'markers/zones', 'health', 'server_status', '/tf_static']

# Where Fast DDS looks for its profile. The old name still works later, but with a warning.
PROFILE_VARIABLE = (
    'FASTRTPS_DEFAULT_PROFILES_FILE'
    if os.environ.get('ROS_DISTRO') in ('humble', 'iron', 'jazzy')
    else 'FASTDDS_DEFAULT_PROFILES_FILE'
)
# Whoever has set one of these has chosen the transports already, and a profile would replace them.
CHOSEN = [
    'FASTRTPS_DEFAULT_PROFILES_FILE',
    'FASTDDS_DEFAULT_PROFILES_FILE',
    'FASTDDS_BUILTIN_TRANSPORTS',
]

# The bridge ends with this code when what it was given is wrong: starting it again cannot help.
EXIT_BAD_CONFIGURATION = 2


def arguments():
    def switch(name, description):
        return DeclareLaunchArgument(
            name, default_value='false', choices=['true', 'false'], description=description
        )

    return [
        DeclareLaunchArgument(
            'host',
            default_value='',
            description='Address of the SENSR machine, or a site of hosts_file. '
            'Empty: as params_file says.',
        ),
        DeclareLaunchArgument(
            'namespace',
            default_value='',
            description='Namespace of node and topics, such as one per site.',
        ),
        DeclareLaunchArgument(
            'params_file',
            default_value=str(CONFIG / 'sensr_bridge.yaml'),
            description='The parameters.',
        ),
        DeclareLaunchArgument(
            'hosts_file',
            default_value='',
            description='Named sites. Empty: as params_file says.',
        ),
        switch('record', "Record this bridge's topics with ros2 bag record."),
        DeclareLaunchArgument(
            'bag_dir',
            default_value='bags',
            description='Folder for recordings. Each gets a folder of its own in it, named after '
            'the namespace and the time it began.',
        ),
        DeclareLaunchArgument(
            'bag_duration',
            default_value='600',
            description='Seconds after which the recording goes on in the next file. 0: never.',
        ),
        DeclareLaunchArgument(
            'storage_preset',
            default_value='none',
            choices=['none', 'fastwrite', 'zstd_fast', 'zstd_small'],
            description='MCAP preset: zstd_* compress, fastwrite leaves out the index.',
        ),
        switch('rviz', 'Show clouds, objects and zones in rviz2.'),
        DeclareLaunchArgument(
            'dds_profile',
            default_value=default_dds_profile(),
            description='Fast DDS profile of the bridge. none: as the environment says.',
        ),
        switch('sim', 'Start the SENSR simulator on this machine and connect to it.'),
        DeclareLaunchArgument(
            'log_level',
            default_value='info',
            choices=['debug', 'info', 'warn', 'error'],
            description='Log level of the bridge.',
        ),
    ]


def default_dds_profile():
    """Ours, unless the environment knows better."""
    chosen = any(os.environ.get(name) for name in CHOSEN)
    # What keeps nodes to themselves is a matter of the transports in Humble, and of discovery later.
    kept_here = os.environ.get('ROS_DISTRO') == 'humble' and os.environ.get('ROS_LOCALHOST_ONLY') == '1'
    return 'none' if chosen or kept_here else str(CONFIG / 'fastdds_shm.xml')


def dds_environment(value):
    """What the bridge needs in its environment to use the profile.

    Who only receives does without: the recorder loses no more and takes half the memory.
    """
    rmw = os.environ.get('RMW_IMPLEMENTATION') or 'rmw_fastrtps_cpp'
    # A word, for on the command line of `ros2 launch` nothing can be empty.
    if value('dds_profile') in ('none', '') or not rmw.startswith('rmw_fastrtps'):
        return {}
    profile = Path(value('dds_profile')).expanduser().resolve()
    if not profile.is_file():
        raise FileNotFoundError(f'dds_profile: there is no file {profile}')
    return {PROFILE_VARIABLE: str(profile)}


def bridge(value):
    namespace = value('namespace').strip('/')
    overrides = {}
    if value('sim') == 'true':
        overrides['host'] = 'localhost'
    if value('host'):
        overrides['host'] = value('host')
    if value('hosts_file'):
        overrides['hosts_file'] = str(Path(value('hosts_file')).expanduser().resolve())
    logger = '.'.join([*namespace.split('/'), PACKAGE]).strip('.')
    return Node(
        package=PACKAGE,
        executable=PACKAGE,
        name=PACKAGE,
        namespace=namespace,
        parameters=[value('params_file'), overrides] if overrides else [value('params_file')],
        ros_arguments=['--log-level', f'{logger}:={value("log_level")}'],
        additional_env=dds_environment(value),
        output='screen',
        emulate_tty=True,
        respawn=True,
        respawn_delay=2.0,
    )


def give_up_on_bad_configuration(node):
    """Starting again cannot mend a typing error; the reason is the last line the bridge wrote."""

    def decide(event, _context):
        if event.returncode != EXIT_BAD_CONFIGURATION:
            return None
        return [EmitEvent(event=Shutdown(reason='the configuration of the bridge is wrong'))]

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=decide))


def absolute(topic, namespace):
    return topic if topic.startswith('/') else '/'.join(['', namespace, topic]).replace('//', '/')


def recorder_qos(namespace):
    """What the recorder is to ask for, by topic: what it would have asked for, with the depths above."""
    # What asks for the most that is offered, as the recorder does, came with Iron. Before it, clouds stay as they
    # are: a recorder that asks for RELIABLE gets none from a bridge with qos.reliability: best_effort.
    adaptive = hasattr(QoSReliabilityPolicy, 'BEST_AVAILABLE')
    profiles = {}
    for topic, depth in TOPICS.items():
        profile = {'history': 'keep_last', 'depth': depth}
        if adaptive:
            profile |= {'reliability': 'best_available', 'durability': 'best_available'}
        elif not topic.startswith('points/'):
            durability = 'transient_local' if topic in LATCHED else 'volatile'
            profile |= {'reliability': 'reliable', 'durability': durability}
        else:
            continue
        profiles[absolute(topic, namespace)] = profile
    return profiles


def recorder(value):
    namespace = value('namespace').strip('/')
    began = datetime.now().strftime('%Y%m%d_%H%M%S')
    name = '_'.join([*namespace.split('/'), began]).strip('_')
    folder = Path(value('bag_dir')).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    duration = int(value('bag_duration'))
    if duration < 0:
        raise ValueError(f'bag_duration must be 0 or more seconds, got {duration}')
    qos_file = Path(launch_config.get_log_file_path(f'{name}_qos.yaml'))
    qos_file.write_text(yaml.safe_dump(recorder_qos(namespace)))
    command = ['ros2', 'bag', 'record', '--storage', 'mcap', '--output', str(folder / name)]
    if duration:
        command += ['--max-bag-duration', str(duration)]
    if value('storage_preset') != 'none':
        command += ['--storage-preset-profile', value('storage_preset')]
    # A pattern, for the topics need not exist yet when the recorder starts.
    names = '|'.join(absolute(topic, namespace) for topic in TOPICS)
    command += ['--regex', f'^({names})$', '--qos-profile-overrides-path', str(qos_file)]
    return [
        LogInfo(msg=f'recording to {folder / name}'),
        ExecuteProcess(cmd=command, output='screen', name='recorder'),
    ]


def rviz(value):
    # The configuration names topics without a namespace; these move them into the bridge's.
    remappings = [(f'/{topic}', topic) for topic in TOPICS if not topic.startswith('/')]
    return Node(
        package='rviz2',
        executable='rviz2',
        name='rviz2',
        namespace=value('namespace').strip('/'),
        arguments=['--display-config', str(CONFIG / 'sensr.rviz')],
        remappings=remappings,
        output='screen',
    )


def actions(context):
    def value(name):
        return LaunchConfiguration(name).perform(context)

    node = bridge(value)
    result = [node, give_up_on_bad_configuration(node)]
    if value('sim') == 'true':
        result.insert(0, Node(package=PACKAGE, executable='sensr_sim', output='screen'))
    if value('record') == 'true':
        result += recorder(value)
    if value('rviz') == 'true':
        result.append(rviz(value))
    return result


def generate_launch_description():
    return LaunchDescription([*arguments(), OpaqueFunction(function=actions)])
