"""The schema, the bridge and the simulator against Google's protobuf library.

Its classes are generated from crates/sensr_protocol/proto/sensr.proto in the test run. This schema has `bytes` where
the interface has `string`, and repeated entries where it has maps. The encodings are the same; the tests convert both
back.
"""

import importlib.util
import random
import struct
from importlib.resources import files
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc_tools import protoc
from websockets.sync.client import connect

from support import full_message, output_encoder
from support.output_encoder import ENUMS, MESSAGES
from support.scripted_output import ScriptedOutput

PROTO = Path(__file__).parents[2] / "crates" / "sensr_protocol" / "proto"

#: Types with a table in `output_encoder`, and their names in the .proto.
ROOTS = {
    "PointResult": "PointResult",
    "OutputMessage": "OutputMessage",
    "CustomMessage": "CustomMessage",
    "CustomMessage25": "CustomMessage25",
}
_SCALARS = {
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


@pytest.fixture(scope="session")
def sensr_pb2(tmp_path_factory):
    """The module that protoc generates from the .proto."""
    folder = tmp_path_factory.mktemp("protobuf")
    well_known = files("grpc_tools") / "_proto"
    argv = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", "sensr.proto"]
    assert protoc.main(argv) == 0
    spec = importlib.util.spec_from_file_location("sensr_pb2", folder / "sensr_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- schema --------------------------------------------------------------------------------------


def is_map(field):
    """Returns whether a field is a map, which protobuf encodes as repeated entries of key and value."""
    entry = field.message_type
    return (
        field.is_repeated
        and entry is not None
        and entry.name.endswith("Entry")
        and {one.name: one.number for one in entry.fields} == {"key": 1, "value": 2}
    )


def require_type(field, kind, path):
    """Requires that a field of the .proto, or of a map entry, has the type of the table."""
    if kind in ENUMS:
        assert field.type == FieldDescriptor.TYPE_ENUM, path
        # The names of an enum share a prefix in the .proto.
        named = {value.name: value.number for value in field.enum_type.values}
        assert sorted(named.values()) == sorted(ENUMS[kind].values()), path
        for name, number in ENUMS[kind].items():
            assert [one for one in named if named[one] == number and one.endswith(name)], f"{path}: {name}"
    elif kind in MESSAGES:
        assert field.type == FieldDescriptor.TYPE_MESSAGE, path
        require_schema(field.message_type, kind, path)
    else:
        assert _SCALARS.get(field.type) == ("bytes" if kind == "string" else kind), path


def require_schema(descriptor, kind, path):
    """Requires that the .proto has exactly the fields of the table, with their numbers and types."""
    table = MESSAGES[kind]
    assert {field.name: field.number for field in descriptor.fields} == {
        name: number for name, (number, _) in table.items()
    }, path
    for name, (_, of) in table.items():
        field, inner = descriptor.fields_by_name[name], f"{path}.{name}"
        assert field.is_repeated == isinstance(of, (list, dict)), inner
        assert is_map(field) == isinstance(of, dict), inner
        if isinstance(of, dict):
            ((key, value),) = of.items()
            require_type(field.message_type.fields_by_name["key"], key, inner)
            require_type(field.message_type.fields_by_name["value"], value, inner)
        elif of == "CustomMessage":
            # Its type depends on the generation.
            assert field.type == FieldDescriptor.TYPE_BYTES
        else:
            require_type(field, of[0] if isinstance(of, list) else of, inner)


@pytest.mark.parametrize("name", ROOTS)
def test_numbers_and_types_are_those_of_the_interface(sensr_pb2, name):
    descriptor = sensr_pb2.DESCRIPTOR.message_types_by_name[ROOTS[name]]
    require_schema(descriptor, name, name)


def test_the_value_of_a_characteristic_is_a_oneof(sensr_pb2):
    (oneof,) = sensr_pb2.ProfilingResult.Characteristic.DESCRIPTOR.oneofs
    assert {field.name for field in oneof.fields} == set(MESSAGES["Characteristic"])


# ---- messages as dicts -------------------------------------------------------------------------------


def opened(message, kind):
    """Converts a message of Google's library to a dict as in `output_encoder`, without absent fields."""
    table = MESSAGES[kind]
    return {field.name: _opened(value, table[field.name][1]) for field, value in message.ListFields()}


def _opened(value, kind):
    if isinstance(kind, list):
        return [_opened(item, kind[0]) for item in value]
    if isinstance(kind, dict):
        ((key, of),) = kind.items()
        return {_opened(entry.key, key): _opened(entry.value, of) for entry in value}
    if kind in MESSAGES and not isinstance(value, bytes):
        return opened(value, kind)
    return value.decode() if kind == "string" else value


def fill(message, table, values):
    """Converts a dict to a message, with the setters of Google's library."""
    for name, value in values.items():
        _, kind = table[name]
        target = getattr(message, name)
        if isinstance(kind, list):
            for item in value:
                if kind[0] in MESSAGES:
                    fill(target.add(), MESSAGES[kind[0]], item)
                else:
                    target.append(item)
        elif isinstance(kind, dict):
            (of,) = kind.values()
            for key, entry in value.items():
                added = target.add(key=key.encode())
                if of in MESSAGES:
                    added.value.SetInParent()
                    fill(added.value, MESSAGES[of], entry)
                else:
                    added.value = entry
        elif kind in MESSAGES and name != "custom":
            target.SetInParent()
            fill(target, MESSAGES[kind], value)
        else:
            setattr(message, name, value.encode() if kind == "string" else value)
    return message


def custom_kind(sensr_pb2, generation):
    return {3: sensr_pb2.CustomMessage, 2.5: sensr_pb2.CustomMessage25}[generation]


def google_bytes(sensr_pb2, message, generation):
    """Encodes an OutputMessage with Google's library."""
    if "custom" in message:
        kind = custom_kind(sensr_pb2, generation)
        custom = fill(kind(), MESSAGES[kind.DESCRIPTOR.name], message["custom"])
        message = message | {"custom": custom.SerializeToString()}
    return fill(sensr_pb2.OutputMessage(), MESSAGES["OutputMessage"], message).SerializeToString()


def require_known(message, path):
    """Requires that the .proto has every field of the message, at every level."""
    assert len(UnknownFieldSet(message)) == 0, path
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            require_known(item, f"{path}.{field.name}")


def read(kind, data):
    """Parses with Google's library. Requires that no field is unknown and none is lost when it is encoded again."""
    message = kind.FromString(data)
    require_known(message, kind.DESCRIPTOR.name)
    again = kind.FromString(message.SerializeToString())
    # Compares bytes, because NaN differs from itself. With sorted map entries they are the same.
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
    return message


# ---- random messages ---------------------------------------------------------------------------------


class RandomMessages:
    """Generator of messages with any contents that the tables allow; the same seed gives the same messages."""

    #: Largest number of elements in a list.
    LENGTH = 3
    TEXTS = "", "a", "lidar_3", "Kreuzung Süd", "東京", "x" * 300

    def __init__(self, seed):
        self._rng = random.Random(seed)

    def message(self, kind):
        rng = self._rng
        if kind == "Characteristic":
            names = rng.sample(sorted(MESSAGES[kind]), rng.randrange(2))
        else:
            names = [name for name in MESSAGES[kind] if rng.random() < 0.8]
        return {name: self._field(MESSAGES[kind][name][1]) for name in names}

    def _field(self, kind):
        rng = self._rng
        if isinstance(kind, list):
            return [self._field(kind[0]) for _ in range(rng.randrange(self.LENGTH + 1))]
        if isinstance(kind, dict):
            ((key, value),) = kind.items()
            return {self._field(key): self._field(value) for _ in range(rng.randrange(self.LENGTH + 1))}
        return self.message(kind) if kind in MESSAGES else getattr(self, f"_{kind}", self._enum)()

    def _enum(self):
        # All values of the tables and some unknown ones.
        return self._rng.choice((-1, *range(13), 77, 2**31 - 1))

    def _bits(self, bits):
        """Returns an integer of any magnitude."""
        return self._rng.getrandbits(self._rng.randint(1, bits))

    def _uint64(self):
        return self._bits(64)

    def _int32(self):
        return self._bits(32) - 2**31 if self._rng.random() < 0.3 else self._bits(31)

    def _int64(self):
        return self._bits(64) - 2**63 if self._rng.random() < 0.3 else self._bits(63)

    def _bool(self):
        return self._rng.random() < 0.5

    def _float(self):
        if self._rng.random() < 0.5:
            return self._rng.randrange(-1000, 1000) / 8
        return struct.unpack("<f", struct.pack("<I", self._rng.getrandbits(32)))[0]

    def _double(self):
        return struct.unpack("<d", struct.pack("<Q", self._rng.getrandbits(64)))[0]

    def _string(self):
        return self._rng.choice(self.TEXTS)

    def _bytes(self):
        """Returns points or intensities: the bytes of three points, of one, or none."""
        return self._rng.randbytes(self._rng.choice((0, 12, 36, 4)))


def broken_clouds(message):
    """Counts objects with malformed points or intensities, if the message makes an ObjectArray."""
    stream = message.get("stream", {})
    broken = 0
    for one in [*stream.get("objects", ()), *stream.get("static_objects", ())]:
        points, intensities = len(one.get("points", b"")), len(one.get("intensities", b""))
        broken += points % 12 != 0 or intensities not in (0, points // 3)
    return broken


def random_message(seed, generation):
    """Returns an OutputMessage that makes an ObjectArray, and its custom part."""
    values = RandomMessages(seed)
    message = values.message("OutputMessage")
    message.setdefault("stream", {})["has_objects"] = True
    message["custom"] = values.message("CustomMessage" if generation == 3 else "CustomMessage25")
    # Shows the generation.
    message["custom"]["record"] = {"saving_progress": 0.5}
    return message


SEEDS = [(seed, generation) for generation in (3, 2.5) for seed in range(20)]
FULL = [(full_message.CUSTOM, 3), (full_message.CUSTOM_25, 2.5)]


# ---- both directions ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sensr(shared_environment):
    return ScriptedOutput(shared_environment)


@pytest.mark.parametrize(("custom", "generation"), FULL)
def test_every_field_encoded_by_google_arrives(sensr, sensr_pb2, custom, generation):
    message = full_message.FULL | {"custom": custom}
    sensr.send_and_compare(message, google_bytes(sensr_pb2, message, generation), generation)


@pytest.mark.parametrize(("seed", "generation"), SEEDS)
def test_random_messages_encoded_by_google_arrive(sensr, sensr_pb2, seed, generation):
    message = random_message(seed, generation)
    frame = google_bytes(sensr_pb2, message, generation)
    sensr.send_and_compare(message, frame, generation, undecodable_parts=broken_clouds(message))


def require_same_reading(sensr_pb2, message, generation, **encoding):
    """Requires that Google's library decodes the message from the tests' encoding and from its own."""
    kind = custom_kind(sensr_pb2, generation)
    expected = written(message | {"custom": b""}, "OutputMessage") | {
        "custom": written(message["custom"], kind.DESCRIPTOR.name)
    }
    for frame in (
        output_encoder.output(message, generation, **encoding),
        google_bytes(sensr_pb2, message, generation),
    ):
        got = read(sensr_pb2.OutputMessage, frame)
        custom = opened(read(kind, got.custom), kind.DESCRIPTOR.name)
        values = opened(got, "OutputMessage") | {"custom": custom}
        # As text, because NaN differs from itself.
        assert repr(in_order(values)) == repr(in_order(expected))


def in_order(value):
    """Returns nested dicts with sorted keys."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return list(map(in_order, value)) if isinstance(value, list) else value


def written(value, kind):
    """Returns a value without what is not encoded: default values and empty lists."""
    if isinstance(kind, list):
        return [written(item, kind[0]) for item in value]
    if isinstance(kind, dict):
        (of,) = kind.values()
        return {key: written(entry, of) for key, entry in value.items()}
    if kind not in MESSAGES or isinstance(value, bytes):
        return value
    table = MESSAGES[kind]
    fields = {name: (written(item, table[name][1]), table[name][1]) for name, item in value.items()}
    is_oneof = kind == "Characteristic"
    return {name: item for name, (item, of) in fields.items() if is_oneof or is_written(item, of)}


def is_written(value, kind):
    """Returns whether a value is encoded. Messages always are, and -0.0 is no default."""
    is_message = isinstance(kind, str) and kind in MESSAGES
    return is_message or repr(value) not in ("0", "0.0", "False", "''", "b''", "[]", "{}")


@pytest.mark.parametrize(("custom", "generation"), FULL)
def test_google_decodes_every_field_of_the_tests_encoder(sensr_pb2, custom, generation):
    require_same_reading(sensr_pb2, full_message.FULL | {"custom": custom}, generation)


@pytest.mark.parametrize(("seed", "generation"), SEEDS)
def test_google_decodes_random_messages_of_the_tests_encoder(sensr_pb2, seed, generation):
    message = random_message(seed, generation)
    shuffle = random.Random(seed)
    require_same_reading(sensr_pb2, message, generation, shuffle=shuffle, packed=seed % 2 == 0)


def test_the_check_finds_unknown_fields(sensr_pb2):
    added = output_encoder.UNKNOWN["varint"]
    for stream in (added, {"objects": [added]}, {"objects": [{"bbox": added}]}):
        with pytest.raises(AssertionError):
            read(sensr_pb2.OutputMessage, output_encoder.output({"stream": stream}))


# ---- simulator -----------------------------------------------------------------------------------


def parts_of(message):
    """Returns the paths of all parts of a message."""
    parts = set()
    for field, value in message.ListFields():
        parts.add(field.name)
        if field.message_type is None or is_map(field):
            continue
        for item in value if field.is_repeated else [value]:
            parts |= {f"{field.name}.{inner}" for inner in parts_of(item)}
    return parts


#: In addition the simulator sends all of `CustomMessage` or `CustomMessage25`.
OF_THE_SIMULATOR = {
    "timestamp.seconds",
    "stream.first_cloud_arrival_timestamp.seconds",
    "stream.has_objects",
    "stream.has_zones",
    "stream.zones.pbox.points.x",
    "stream.health.nodes",
    "stream.static_objects.is_static",
    *(f"stream.objects.{name}" for name in MESSAGES["Object"] if name not in ("is_static",)),
    "event.zone.object.position.x",
    "event.losing.position.x",
    "event.health.nodes",
    "event.online_recalibration.rotation.qw",
}


def listening(port):
    """Client that keeps reading: one that stops would not receive the reply to its close frame."""
    return connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None, max_queue=None)


@pytest.mark.parametrize("generation", (3, 2.5))
def test_google_decodes_everything_of_the_simulator(environment, sensr_pb2, generation):
    """Reads both streams until every part was received."""
    sim = environment.sim("--points", 500, "--generation", generation)
    kind = custom_kind(sensr_pb2, generation)
    wanted = {
        *OF_THE_SIMULATOR,
        *(f"custom.{name}" for name in MESSAGES[kind.DESCRIPTOR.name]),
        *(f"cloud {number}" for number in (1, 2, 3)),
    }
    with listening(sim.output_port) as output, listening(sim.points_port) as points:
        # 30 s: the simulator sends 10 messages a second on both.
        for _ in range(300):
            clouds = read(sensr_pb2.PointResult, points.recv(timeout=30.0)).points
            message = read(sensr_pb2.OutputMessage, output.recv(timeout=30.0))
            wanted -= {f"cloud {cloud.type}" for cloud in clouds if cloud.points} | parts_of(message)
            wanted -= {f"custom.{part}" for part in parts_of(read(kind, message.custom))}
            if not wanted:
                return
    raise AssertionError(f"not within 30 s: {sorted(wanted)}")
