"""Reference for parameters given at start: an rclpy node with the same ROS arguments follows the rules of rcl."""

import rclpy
from rclpy.signals import SignalHandlerOptions


def parameters_at_start(domain_id, name, ros_args):
    """Returns the parameters that `ros_args` give a node of that name, and its fully qualified name."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = rclpy.create_node(
            name,
            context=context,
            cli_args=["--ros-args", *ros_args],
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
            allow_undeclared_parameters=True,
            automatically_declare_parameters_from_overrides=True,
        )
        try:
            given = {key: one.value for key, one in node.get_parameters_by_prefix("").items()}
            return given, node.get_fully_qualified_name()
        finally:
            node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
