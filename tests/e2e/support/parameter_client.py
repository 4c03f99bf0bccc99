"""Client of a node's parameter services, with Python values."""

from rcl_interfaces import srv
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter

_FIELDS = {
    ParameterType.PARAMETER_NOT_SET: None,
    ParameterType.PARAMETER_BOOL: "bool_value",
    ParameterType.PARAMETER_INTEGER: "integer_value",
    ParameterType.PARAMETER_DOUBLE: "double_value",
    ParameterType.PARAMETER_STRING: "string_value",
}


def value_of(message):
    """Converts a `ParameterValue` to its Python value."""
    field = _FIELDS[message.type]
    return field and getattr(message, field)


def _messages(changes):
    return [Parameter(name, value=value).to_parameter_msg() for name, value in changes.items()]


class ParameterClient:
    """Client of the parameter services of one node."""

    def __init__(self, observer, node="sensr_bridge"):
        self._observer = observer
        self._node = node

    def _call(self, kind, service, **fields):
        return self._observer.call(kind, f"{self._node}/{service}", kind.Request(**fields))

    def list(self, prefixes=(), depth=0):
        return self._call(srv.ListParameters, "list_parameters", prefixes=list(prefixes), depth=depth).result

    def get(self, *names):
        """Returns the values in order, None for a parameter that does not exist."""
        response = self._call(srv.GetParameters, "get_parameters", names=list(names))
        return [value_of(value) for value in response.values]

    def types(self, *names):
        return list(self._call(srv.GetParameterTypes, "get_parameter_types", names=list(names)).types)

    def describe(self, *names):
        return self._call(srv.DescribeParameters, "describe_parameters", names=list(names)).descriptors

    def try_set(self, changes):
        """Sets what the node accepts, in one request; returns the results."""
        return self._call(srv.SetParameters, "set_parameters", parameters=_messages(changes)).results

    def try_set_together(self, changes):
        """Sets all parameters or none; returns the result."""
        return self._call(
            srv.SetParametersAtomically, "set_parameters_atomically", parameters=_messages(changes)
        ).result

    def set(self, changes):
        """Sets all parameters in one request and requires that the node accepts them."""
        for result in self.try_set(changes):
            assert result.successful, result.reason

    def refusal(self, name, value):
        """Requires that a change is refused and returns the reason."""
        (result,) = self.try_set({name: value})
        assert not result.successful, f"{name} = {value!r} was accepted"
        return result.reason
