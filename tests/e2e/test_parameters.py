"""Parameters over their services, from files, and from the command line."""

import time

import pytest
from rcl_interfaces.msg import ParameterType

from support import points_encoder
from support.environment import Environment
from support.parameter_client import value_of
from support.parameter_node import READ_ONLY, NodeWithParameters, write_hosts_file
from support.parameter_tables import TYPES, parameters_in, require_description, shipped_file
from support.polling import wait_until
from support.statistics_reader import CONNECTED, stamp_ns

SHIPPED = shipped_file("sensr_bridge")


@pytest.fixture(scope="module")
def shipped():
    """Parameters in the shipped file and their defaults."""
    return parameters_in(SHIPPED)


@pytest.fixture(scope="module")
def untouched(shared_environment):
    """A node that no test changes."""
    return NodeWithParameters(shared_environment, defaults=False)


@pytest.fixture
def node(environment):
    """A node that a test may change."""
    return NodeWithParameters(environment)


def test_the_listed_parameters_are_those_of_the_shipped_file(untouched, shipped):
    listed = untouched.parameters.list()
    assert sorted(listed.names) == sorted(shipped)
    assert set(listed.prefixes) == {name.rpartition(".")[0] for name in shipped} - {""}


def test_listing_by_prefix_and_depth(untouched, shipped):
    names = untouched.parameters.list(["qos"]).names
    assert sorted(names) == sorted(name for name in shipped if name.startswith("qos."))
    names = untouched.parameters.list(depth=1).names
    assert sorted(names) == sorted(name for name in shipped if "." not in name)
    assert list(untouched.parameters.list(["nothing"]).names) == []


def test_the_values_are_those_of_the_shipped_file(untouched, shipped):
    values = dict(zip(shipped, untouched.parameters.get(*shipped), strict=True))
    ports = {"points_port": untouched.server.port, "output_port": untouched.environment.unserved_port}
    assert values == shipped | ports
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in shipped.items()
    }


def test_the_types_are_those_of_the_shipped_file(untouched, shipped):
    types = untouched.parameters.types(*shipped)
    assert types == [TYPES[type(value)] for value in shipped.values()]


def test_every_parameter_is_described(untouched, shipped):
    descriptors = untouched.parameters.describe(*shipped)
    for descriptor, (name, value) in zip(descriptors, shipped.items(), strict=True):
        require_description(descriptor, name, value, is_read_only=name in READ_ONLY)
    constraints = {descriptor.name: descriptor.additional_constraints for descriptor in descriptors}
    assert "reliable" in constraints["qos.reliability"] and "best_effort" in constraints["qos.reliability"]
    assert "slash" in constraints["frame_id"]
    assert "empty" in constraints["host"]


def test_unknown_names_have_no_value(untouched):
    assert untouched.parameters.get("nothing") in ([], [None])
    (descriptor,) = untouched.parameters.describe("nothing")
    assert descriptor.type == ParameterType.PARAMETER_NOT_SET


def test_the_printed_parameters_are_the_shipped_file(environment):
    printer = environment.bridge(args=["--print-params"], defaults=False)
    assert printer.wait() == 0
    assert printer.stdout == SHIPPED.read_text()


def test_the_shipped_file_is_a_parameter_file(environment, shipped):
    """The bridge accepts every line of it without a warning."""
    ports = {"points_port": environment.port().number, "output_port": environment.port().number}
    bridge = environment.bridge(parameters=ports, defaults=False, ros_args=["--params-file", str(SHIPPED)])
    observer = environment.observer()
    values = dict(zip(shipped, environment.parameters(observer).get(*shipped), strict=True))
    assert values == shipped | ports
    assert "ignored" not in bridge.log


GOOD = {
    "host": "localhost",
    "pointcloud_interval": 0.5,
    "output_data_interval": 0.5,
    "publish.ground": False,
    "preview.points": 5000,
    "split_raw_by_sensor": True,
    "preview.interval": 0.2,
    "publish.preview": False,
    "publish.objects": False,
    "publish.detections": False,
    "publish.tracked": False,
    "publish.markers": False,
    "publish.wire": True,
    "frame_id": "site/lidar",
    "parent_frame": "map",
    "transform.x_m": 1.5,
    "transform.y_m": -1.5,
    "transform.z_m": 6.0,
    "transform.roll_deg": 1.0,
    "transform.pitch_deg": -2.0,
    "transform.yaw_deg": 90.0,
    "origin.latitude_deg": 37.5,
    "origin.longitude_deg": 127.0,
    "origin.altitude_m": 50.0,
    "origin.heading_deg": 12.0,
    "origin.enabled": True,
    "earth_frame": "earth",
    "stamp_source": "server",
    "tls.server_name": "sensr.example",
    "tls.verify_name": False,
    "stall_timeout": 20.0,
    "ping_interval": 12.0,
    "queue_max_bytes": 200_000_000,
    "max_message_bytes": 100_000_000,
    "reconnect.initial_delay": 1.5,
    "reconnect.max_delay": 20.0,
    "startup_hold": 7.5,
    "statistics_period": 0.2,
}


def test_valid_values_are_set_and_announced(node):
    before = node.events.count
    # The order matters, because some parameters constrain others.
    order = ["reconnect.max_delay", *(name for name in GOOD if name != "reconnect.max_delay")]
    for name in order:
        node.parameters.set({name: GOOD[name]})
        assert node.parameters.get(name) == [GOOD[name]]
    events = node.events.wait(before + len(order))[before:]
    assert [event.node for event in events] == ["/sensr_bridge"] * len(order)
    announced = [(one.name, value_of(one.value)) for event in events for one in event.changed_parameters]
    assert announced == [(name, GOOD[name]) for name in order]
    assert not any(event.new_parameters or event.deleted_parameters for event in events)


def test_an_invalid_value_does_not_prevent_the_others(node):
    results = node.parameters.try_set({"frame_id": "one", "points_port": 0, "pointcloud_interval": 2.5})
    assert [result.successful for result in results] == [True, False, True]
    values = node.parameters.get("frame_id", "points_port", "pointcloud_interval")
    assert values == ["one", node.server.port, 2.5]


def test_an_integer_is_accepted_for_a_double(node):
    node.parameters.set({"pointcloud_interval": 2})
    assert node.parameters.get("pointcloud_interval") == [2.0]
    assert node.parameters.types("pointcloud_interval") == [ParameterType.PARAMETER_DOUBLE]


#: Name, value, and words that the reason must have beside the name.
BAD = [
    ("host", "", ["empty", '""']),
    ("host", "two words", ["blanks", "two words"]),
    ("host", 7, ["string", "7", "integer"]),
    ("points_port", 0, ["1 to 65535", "0"]),
    ("points_port", 65536, ["1 to 65535", "65536"]),
    ("points_port", 5051.0, ["integer", "5051.0"]),
    ("points_port", "5051", ["integer", '"5051"', "string"]),
    ("output_port", 0, ["1 to 65535", "0"]),
    ("output_data_interval", -0.1, ["0.0 to 3600.0", "-0.1"]),
    ("publish.wire", "yes", ["boolean", '"yes"']),
    ("parent_frame", "/map", ["slash", "/map"]),
    ("parent_frame", "sensr", ["frame_id", "sensr"]),
    ("transform.x_m", 1e8, ["-10000000.0 to 10000000.0", "100000000.0"]),
    ("transform.yaw_deg", 361.0, ["-360.0 to 360.0", "361.0"]),
    ("origin.latitude_deg", 127.0, ["-90.0 to 90.0", "127.0"]),
    ("origin.longitude_deg", -180.5, ["-180.0 to 180.0", "-180.5"]),
    ("origin.altitude_m", float("inf"), ["-1000.0 to 10000.0"]),
    ("origin.heading_deg", -1.0, ["0.0 to 360.0", "-1.0"]),
    ("earth_frame", "/earth", ["slash", "/earth"]),
    ("earth_frame", "sensr", ["frame_id", "sensr"]),
    ("stamp_source", "lidar", ["receive, server", "lidar"]),
    ("preview.points", 0, ["1 to 1000000", "0"]),
    ("preview.interval", -0.1, ["0.0 to 3600.0", "-0.1"]),
    ("pointcloud_interval", -0.1, ["0.0 to 3600.0", "-0.1"]),
    ("pointcloud_interval", 3601.0, ["0.0 to 3600.0", "3601.0"]),
    ("pointcloud_interval", float("nan"), ["0.0 to 3600.0", "NaN"]),
    ("split_raw_by_sensor", 1, ["boolean", "1"]),
    ("publish.raw", "true", ["boolean", '"true"']),
    ("publish.raw", 1, ["boolean", "1"]),
    ("frame_id", "", ["empty"]),
    ("frame_id", "/map", ["slash", "/map"]),
    ("queue_max_bytes", 10, ["1048576 to", "10"]),
    ("queue_max_bytes", 1 << 62, ["to 17179869184", str(1 << 62)]),
    ("queue_max_bytes", 2_000_000, ["max_message_bytes", "67108864"]),
    ("max_message_bytes", 1, ["1024 to", "1"]),
    ("max_message_bytes", 70_000_000, ["queue_max_bytes", "67108864", "70000000"]),
    ("reconnect.initial_delay", 0.0, ["0.05 to 3600.0", "0.0"]),
    ("reconnect.initial_delay", 10.0, ["reconnect.max_delay", "0.2", "10"]),
    ("stall_timeout", 0.1, ["0.5 to 3600.0", "0.1"]),
    ("stall_timeout", 5.0, ["ping_interval", "below stall_timeout", "5"]),
    ("ping_interval", 0.0, ["0.1 to 3600.0", "0.0"]),
    ("ping_interval", 1000.0, ["below stall_timeout", "1000"]),
    ("tls.enabled", 1, ["boolean", "1"]),
    ("tls.enabled", True, ["tls.ca_file", "must be set"]),
    ("tls.server_name", "two words", ["blanks", "two words"]),
    ("host", "ws://127.0.0.1:5050", ["scheme", "output_port"]),
    ("host", "127.0.0.1:5050", ["port", "output_port"]),
    ("host", "127.0.0.1\u200b", ["invisible", "127.0.0.1\\u{200b}"]),
    ("host", "300.1.1.1", ["not an IPv4 address", "300.1.1.1"]),
    ("hosts_file", "~somebody/hosts.yaml", ["your own home"]),
    ("startup_hold", 20.5, ["0.0 to 20.0", "20.5"]),
    ("statistics_period", 0.0, ["0.1 to 3600.0", "0.0"]),
    ("statistics_period", float("inf"), ["0.1 to 3600.0", "inf"]),
    ("pointcloud_intervall", 1.0, ["no parameter", "did you mean pointcloud_interval"]),
    ("nothing_like_it", 1.0, ["no parameter"]),
    *((name, value, ["only read at start"]) for name, value in READ_ONLY.items()),
]


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """A node that refuses all changes of the tests."""
    with Environment(tmp_path_factory.mktemp("refusing")) as environment:
        yield NodeWithParameters(environment)


@pytest.mark.parametrize(("name", "value", "words"), BAD, ids=[f"{name}={value!r}" for name, value, _ in BAD])
def test_invalid_values_are_refused_with_the_reason(refusing, name, value, words):
    before = refusing.parameters.get(name)
    reason = refusing.parameters.refusal(name, value)
    for word in (name, *words):
        assert word in reason, reason
    assert "\n" not in reason
    assert refusing.parameters.get(name) == before
    assert refusing.events.count == 0 or all(not event.changed_parameters for event in refusing.events.messages)


@pytest.mark.parametrize("value", [[1, 2], ["a"], [True], [0.5], [b"a"]], ids=str)
def test_lists_are_refused(refusing, value):
    assert "host is a string" in refusing.parameters.refusal("host", value)


def test_a_parameter_cannot_be_undeclared(refusing):
    assert "host" in refusing.parameters.refusal("host", None)


def test_an_atomic_request_sets_all_or_none(node):
    fitting = {"queue_max_bytes": 2_000_000, "max_message_bytes": 1_000_000}
    result = node.parameters.try_set_together(fitting | {"points_port": 0})
    assert not result.successful and "points_port" in result.reason
    assert node.parameters.get(*fitting) == [64 << 20, 64 << 20]

    assert not node.parameters.try_set({"queue_max_bytes": 2_000_000})[0].successful
    before = node.events.count
    assert node.parameters.try_set_together(fitting).successful
    assert node.parameters.get(*fitting) == list(fitting.values())
    event = node.events.wait(before + 1)[before]
    assert {one.name: value_of(one.value) for one in event.changed_parameters} == fitting


def test_the_frame_changes_live(node):
    assert node.exchange_cloud().frame_id == "sensr"
    for frame in ("a", "ab", "abc", "abcd", "ünï/cöde"):
        node.parameters.set({"frame_id": frame})
        assert node.exchange_cloud().frame_id == frame


@pytest.mark.parametrize(
    ("topic", "kind"),
    [("raw", points_encoder.RAW), ("ground", points_encoder.GROUND), ("background", points_encoder.BACKGROUND)],
)
def test_publishing_a_topic_is_switched_live(node, topic, kind):
    clouds = node.observer.subscribe_clouds(f"points/{topic}")
    node.observer.wait_for_match(clouds)
    node.server.client()

    def account():
        return node.statistics.topic(f"points/{topic}")

    node.send_cloud(kind)
    clouds.wait(1)
    node.parameters.set({f"publish.{topic}": False})
    node.send_cloud(kind)
    off = node.statistics.wait_for_received(2, f"points/{topic}")
    assert (off.published, off.unsubscribed) == (1, 1)
    node.parameters.set({f"publish.{topic}": True})
    node.send_cloud(kind)
    clouds.wait(2)
    assert clouds.count == 2 and account().dropped == 0


def test_the_statistics_period_changes_live(node):
    node.parameters.set({"statistics_period": 3600.0})
    set_ns = time.time_ns()
    for _ in range(10):
        node.exchange_cloud()
    assert len([message for message in node.statistics.messages if stamp_ns(message) > set_ns]) <= 1
    node.parameters.set({"statistics_period": 0.1})
    node.statistics.wait_for_next()


def test_a_named_site(environment):
    yard, harbour = environment.server(), environment.server()
    file = write_hosts_file(
        environment,
        "hosts.yaml",
        f"sites:\n  yard: {{address: 127.0.0.1, points_port: {yard.port}}}\n  harbour: {{address: 127.0.0.1}}\n",
    )
    observer = environment.observer()
    clouds = observer.subscribe_clouds()
    environment.bridge(harbour.port, {"hosts_file": file, "host": "yard"})
    observer.wait_for_match(clouds)
    yard.client().send(points_encoder.numbered_cloud(1))
    clouds.wait(1)
    # A site without a port has that of the parameter.
    parameters = environment.parameters(observer)
    parameters.set({"host": "harbour"})
    harbour.client().send(points_encoder.numbered_cloud(2))
    clouds.wait(2)
    assert yard.client().wait_closed() == 1000
    # Another hosts file can be set too.
    other = write_hosts_file(
        environment, "other.yaml", f"sites: {{harbour: {{address: 127.0.0.1, points_port: {yard.port}}}}}"
    )
    parameters.set({"hosts_file": other})
    yard.client(2).send(points_encoder.numbered_cloud(3))
    clouds.wait(3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sites: [", ["line"]),
        ("sites: {yard: {adress: 127.0.0.1}}", ["yard", "adress", "did you mean address?"]),
        ("sites: {yard: {address: ''}}", ["yard", "address"]),
        ("sites: {yard: {address: a, points_port: 70000}}", ["points_port", "a number from 1 to 65535, got 70000"]),
        ("sites:\n  yard: 127.0.0.1\n  yard: 127.0.0.1\n", ["yard occurs twice", "line 3"]),
        ("# nothing yet\n", ["has no `sites:`"]),
    ],
    ids=["no YAML", "unknown key", "no address", "no port", "twice", "empty"],
)
def test_an_invalid_hosts_file_is_refused(environment, text, words):
    path = write_hosts_file(environment, "hosts.yaml", text)
    at_start = environment.bridge(environment.port().number, {"hosts_file": path})
    assert at_start.wait() == 2
    line = the_error(at_start)

    node = NodeWithParameters(environment)
    reason = node.parameters.refusal("hosts_file", path)
    for word in (path, *words):
        assert word in line and word in reason, (line, reason)
    assert node.parameters.get("hosts_file") == [""]
    node.exchange_cloud()


@pytest.mark.parametrize("host", ["yrad", "nothing_like_it"])
def test_an_unknown_site_is_refused(environment, host):
    """A typing error is reported at start and later, unlike a machine that is switched off."""
    file = write_hosts_file(
        environment, "hosts.yaml", "sites: {yard: {address: 127.0.0.1}, harbour: {address: 127.0.0.1}}"
    )
    at_start = environment.bridge(environment.port().number, {"hosts_file": file, "host": host})
    assert at_start.wait() == 2
    line = the_error(at_start)
    for word in (host, file, "harbour, yard", "host name without a dot"):
        assert word in line, line
    assert ("did you mean yard?" in line) == (host == "yrad")

    node = NodeWithParameters(environment, {"hosts_file": file})
    reason = node.parameters.refusal("host", host)
    assert file in reason and "harbour, yard" in reason, reason
    assert node.parameters.get("host") == ["127.0.0.1"]
    node.exchange_cloud()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["no certificate"]),
        ("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n", ["cannot be used"]),
    ],
    ids=["empty", "nonsense"],
)
def test_an_invalid_ca_file_is_refused(environment, text, words):
    path = write_hosts_file(environment, "ca.crt", text)
    at_start = environment.bridge(environment.port().number, {"tls.enabled": True, "tls.ca_file": path})
    assert at_start.wait() == 2
    line = the_error(at_start)

    node = NodeWithParameters(environment)
    node.parameters.set({"tls.ca_file": path})
    reason = node.parameters.refusal("tls.enabled", True)
    for word in (path, *words):
        assert word in line and word in reason, (line, reason)
    assert node.parameters.get("tls.enabled") == [False]
    node.exchange_cloud()


def the_error(bridge):
    """Returns the only line of a bridge that does not start, apart from those of rcl."""
    lines = [line for line in bridge.log.splitlines() if line and "[rcl]" not in line]
    assert len(lines) == 1, bridge.log_tail()
    return lines[0]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("points_port", "abc", ["points_port", "integer", '"abc"']),
        ("points_port", 99999, ["points_port", "1 to 65535", "99999"]),
        ("pointcloud_interval", "often", ["pointcloud_interval", "number", '"often"']),
        ("publish.raw", 3, ["publish.raw", "boolean", "3"]),
        ("host", ["a", "b"], ["host", "string"]),
        ("host", "ws://127.0.0.1:5050", ["host", "scheme", "points_port"]),
        ("host", "[::1]:5050", ["host", "bracket"]),
        ("host", "127.0.0.1\u200b", ["host", "127.0.0.1\\u{200b}"]),
        ("host", "1.2.3", ["host", "not an IPv4 address"]),
        ("qos.reliability", "maybe", ["qos.reliability", "reliable, best_effort", "maybe"]),
        ("qos.depth", 0, ["qos.depth", "1 to 1000", "0"]),
        ("tls.enabled", True, ["tls.ca_file", "must be set"]),
        ("stall_timeout", 5, ["ping_interval", "stall_timeout"]),
        ("max_message_bytes", 80_000_000, ["max_message_bytes", "queue_max_bytes", "80000000"]),
    ],
    ids=str,
)
def test_a_bad_value_at_start_ends_with_code_2_and_one_line(environment, name, value, words):
    bridge = environment.bridge(parameters={name: value}, defaults=False)
    assert bridge.wait() == 2
    for word in words:
        assert word in the_error(bridge), the_error(bridge)


def test_undeclared_names_in_a_file_are_reported(environment):
    file = environment.folder / "parameters.yaml"
    file.write_text(
        f"""
/**:
  ros__parameters:
    host: 127.0.0.1
    points_port: {environment.port().number}
    pointcloud_intervall: 1.0
    publish: {{row: false}}
    something_else: [1, 2]
    use_sim_time: false
"""
    )
    bridge = environment.bridge(defaults=False, ros_args=["--params-file", str(file)])
    bridge.wait_for_output("next attempt in")
    warnings = [line for line in bridge.log.splitlines() if "WARN" in line and "ignored" in line]
    expected = [
        ("pointcloud_intervall", "did you mean pointcloud_interval?"),
        ("publish.row", "did you mean publish.raw?"),
        ("something_else", "no parameter"),
    ]
    for name, hint in expected:
        assert any(name in line and hint in line for line in warnings), (name, warnings)
    assert len(warnings) == len(expected)


@pytest.mark.parametrize(
    "text",
    ["/**:\n  ros__parameters:\n    host: [\n", "/**:\n  ros__parameters: 7\n", "host: x\n", "\t"],
    ids=["open bracket", "no mapping", "no node", "tab"],
)
def test_a_broken_parameter_file_ends_with_code_2_and_one_line(environment, text):
    path = write_hosts_file(environment, "parameters.yaml", text)
    bridge = environment.bridge(defaults=False, ros_args=["--params-file", path])
    assert bridge.wait() == 2
    assert path in the_error(bridge), bridge.log_tail()


def test_a_parameter_file_for_another_node_is_reported(environment):
    path = write_hosts_file(
        environment, "parameters.yaml", "/site/sensr_brigde:\n  ros__parameters:\n    host: 127.0.0.1\n"
    )
    bridge = environment.bridge(environment.port().number, ros_args=["--params-file", path])
    warning = bridge.wait_for_output(r"WARN.*nothing in .*")[0]
    for word in (path, "is for /sensr_bridge", "/site/sensr_brigde"):
        assert word in warning, warning


@pytest.mark.parametrize(
    "ros_args",
    [["-p"], ["-p", "host"], ["-r", "bad"], ["--log-level", "loud"], ["-p", "frame_id:=a", "--parms-file"]],
    ids=" ".join,
)
def test_bad_ros_arguments_end_with_code_2_and_no_backtrace(environment, ros_args):
    bridge = environment.bridge(defaults=False, ros_args=ros_args)
    assert bridge.wait() == 2
    assert ros_args[-1] in the_error(bridge)
    for word in ("panicked", "RUST_BACKTRACE", "thread '"):
        assert word not in bridge.log


def test_a_missing_parameter_file_is_waited_for(environment):
    bridge = environment.bridge(defaults=False, ros_args=["--params-file", "/no/such/file.yaml"])
    assert bridge.wait() == 1
    assert "/no/such/file.yaml cannot be read: No such file" in the_error(bridge)


def test_unknown_arguments_end_with_code_2(environment):
    bridge = environment.bridge(args=["--nonsense"], defaults=False)
    assert bridge.wait() == 2
    assert "--nonsense" in bridge.stderr


def test_a_parameter_can_be_set_without_a_server(environment):
    port = environment.port()
    observer = environment.observer()
    statistics = environment.statistics(observer)
    environment.bridge(port.number)
    observer.wait_for_match(statistics.inbox)
    environment.parameters(observer).set({"frame_id": "early"})
    server = environment.server(port)
    clouds = observer.subscribe_clouds()
    observer.wait_for_match(clouds)
    statistics.wait_for_state(CONNECTED)
    server.client().send(points_encoder.numbered_cloud(1))
    wait_until(lambda: clouds.count, "a cloud")
    assert clouds.messages[0].frame_id == "early"
