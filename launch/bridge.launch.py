"""One bridge: `ros2 launch sensr_bridge bridge.launch.py host:=192.0.2.10 record:=true rviz:=true`.

Parameters live in a YAML file (params_file); the arguments here only choose files and the few things
people type. `ros2 launch sensr_bridge bridge.launch.py --show-args` explains each.
"""

from datetime import datetime
from pathlib import Path

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
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

PACKAGE = 'sensr_bridge'
CONFIG = Path(get_package_share_directory(PACKAGE)) / 'config'

# What the bridge publishes, relative to its namespace.
TOPICS = ['points/raw', 'points/ground', 'points/background', 'statistics']

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
        switch('rviz', 'Show the clouds in rviz2.'),
        switch('sim', 'Start the SENSR simulator on this machine and connect to it.'),
        DeclareLaunchArgument(
            'log_level',
            default_value='info',
            choices=['debug', 'info', 'warn', 'error'],
            description='Log level of the bridge.',
        ),
    ]


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


def recorder(value):
    namespace = value('namespace').strip('/')
    began = datetime.now().strftime('%Y%m%d_%H%M%S')
    name = '_'.join([*namespace.split('/'), began]).strip('_')
    folder = Path(value('bag_dir')).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    duration = int(value('bag_duration'))
    if duration < 0:
        raise ValueError(f'bag_duration must be 0 or more seconds, got {duration}')
    prefix = f'/{namespace}/' if namespace else '/'
    command = ['ros2', 'bag', 'record', '--storage', 'mcap', '--output', str(folder / name)]
    if duration:
        command += ['--max-bag-duration', str(duration)]
    if value('storage_preset') != 'none':
        command += ['--storage-preset-profile', value('storage_preset')]
    # A pattern, for the topics need not exist yet when the recorder starts.
    command += ['--regex', f'^{prefix}({"|".join(TOPICS)})$']
    return [
        LogInfo(msg=f'recording to {folder / name}'),
        ExecuteProcess(cmd=command, output='screen', name='recorder'),
    ]


def rviz(value):
    # The configuration names topics without a namespace; these move them into the bridge's.
    remappings = [(f'/{topic}', topic) for topic in TOPICS]
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
