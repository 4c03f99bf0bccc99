"""The schema, the bridge and the simulator against Google's protobuf library.

Its classes are generated from crates/sensr_protocol/proto/sensr.proto in the test run. That has `bytes` where the interface has `string`, and
repeated entries of key and value where it has maps, which is the same on the wire; here they are turned back.
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

#: The types whose table `output_wire` has, and the .proto's own.
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
    """The module that protoc makes of the .proto."""
    folder = tmp_path_factory.mktemp("protobuf")
    well_known = files("grpc_tools") / "_proto"
    argv = ["protoc", f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", "sensr.proto"]
    assert protoc.main(argv) == 0
    spec = importlib.util.spec_from_file_location("sensr_pb2", folder / "sensr_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- the schema --------------------------------------------------------------------------------------


def is_map(field):
    """As protobuf writes maps: repeated messages of key and value."""
    entry = field.message_type
    return (
        field.is_repeated
        and entry is not None
        and entry.name.endswith("Entry")
        and {one.name: one.number for one in entry.fields} == {"key": 1, "value": 2}
    )


def require_type(field, kind, path):
    """A field of the .proto, or of one of its maps' entries, is of a type of the table."""
    if kind in ENUMS:
        assert field.type == FieldDescriptor.TYPE_ENUM, path
        # Names of one enum share a prefix in the .proto.
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
    """Every field of the table is in the .proto with its number and type, and none beside."""
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
            # Depends on the generation.
            assert field.type == FieldDescriptor.TYPE_BYTES
        else:
            require_type(field, of[0] if isinstance(of, list) else of, inner)


@pytest.mark.parametrize("name", ROOTS)
def test_numbers_and_types_are_those_of_the_interface(sensr_pb2, name):
    descriptor = sensr_pb2.DESCRIPTOR.message_types_by_name[ROOTS[name]]
    require_schema(descriptor, name, name)


def test_one_of_three_is_a_oneof(sensr_pb2):
    (oneof,) = sensr_pb2.ProfilingResult.Characteristic.DESCRIPTOR.oneofs
    assert {field.name for field in oneof.fields} == set(MESSAGES["Characteristic"])


# ---- messages as dicts -------------------------------------------------------------------------------


def opened(message, kind):
    """A message of Google's as `output_wire` has them. What is not there is not in it."""
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
    """The other way round, with Google's own setters."""
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
    """An OutputMessage that Google's library writes."""
    if "custom" in message:
        kind = custom_kind(sensr_pb2, generation)
        custom = fill(kind(), MESSAGES[kind.DESCRIPTOR.name], message["custom"])
        message = message | {"custom": custom.SerializeToString()}
    return fill(sensr_pb2.OutputMessage(), MESSAGES["OutputMessage"], message).SerializeToString()


def require_known(message, path):
    """No field at any level that the .proto lacks."""
    assert len(UnknownFieldSet(message)) == 0, path
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for item in value if field.is_repeated else [value]:
            require_known(item, f"{path}.{field.name}")


def read(kind, data):
    """Parses with Google's library. Nothing may be unknown, and nothing lost when written again."""
    message = kind.FromString(data)
    require_known(message, kind.DESCRIPTOR.name)
    again = kind.FromString(message.SerializeToString())
    # NaN differs from itself, so bytes are compared: with map entries in order they are the same.
    assert again.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
    return message


# ---- random messages ---------------------------------------------------------------------------------


class Random:
    """Messages with anything in them that the tables allow, the same for the same seed."""

    #: At most so many elements.
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
        # All values of the tables and some beyond.
        return self._rng.choice((-1, *range(13), 77, 2**31 - 1))

    def _bits(self, bits):
        """Of any magnitude."""
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
        """Points or intensities: as many bytes as three points have, or one, or none."""
        return self._rng.randbytes(self._rng.choice((0, 12, 36, 4)))


def broken_clouds(message):
    """How many objects have points or intensities that do not fit, if there is to be an ObjectArray."""
    stream = message.get("stream", {})
    broken = 0
    for one in [*stream.get("objects", ()), *stream.get("static_objects", ())]:
        points, intensities = len(one.get("points", b"")), len(one.get("intensities", b""))
        broken += points % 12 != 0 or intensities not in (0, points // 3)
    return broken


def random_message(seed, generation):
    """An OutputMessage that makes an ObjectArray, and its custom part."""
    values = Random(seed)
    message = values.message("OutputMessage")
    message.setdefault("stream", {})["has_objects"] = True
    message["custom"] = values.message("CustomMessage" if generation == 3 else "CustomMessage25")
    # So that it shows of what generation it is.
    message["custom"]["record"] = {"saving_progress": 0.5}
    return message


SEEDS = [(seed, generation) for generation in (3, 2.5) for seed in range(20)]
FULL = [(full_message.CUSTOM, 3), (full_message.CUSTOM_25, 2.5)]


# ---- both ways ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sensr(shared_environment):
    return ScriptedOutput(shared_environment)


@pytest.mark.parametrize(("custom", "generation"), FULL)
def test_everything_from_google_comes_through(sensr, sensr_pb2, custom, generation):
    message = full_message.FULL | {"custom": custom}
    sensr.send_and_compare(message, google_bytes(sensr_pb2, message, generation), generation)


@pytest.mark.parametrize(("seed", "generation"), SEEDS)
def test_anything_from_google_comes_through(sensr, sensr_pb2, seed, generation):
    message = random_message(seed, generation)
    frame = google_bytes(sensr_pb2, message, generation)
    sensr.send_and_compare(message, frame, generation, undecodable_parts=broken_clouds(message))


def require_same_reading(sensr_pb2, message, generation, **encoding):
    """Google's library reads what was put in, from what the tests write and from what it writes itself."""
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
        # As text, for NaN differs from itself.
        assert repr(in_order(values)) == repr(in_order(expected))


def in_order(value):
    """Dicts in the order of their keys."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return list(map(in_order, value)) if isinstance(value, list) else value


def written(value, kind):
    """A value without what is not written: defaults, and lists without elements."""
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
    """Messages are, whatever is in them. -0.0 is no default."""
    is_message = isinstance(kind, str) and kind in MESSAGES
    return is_message or repr(value) not in ("0", "0.0", "False", "''", "b''", "[]", "{}")


@pytest.mark.parametrize(("custom", "generation"), FULL)
def test_google_reads_what_the_tests_write(sensr_pb2, custom, generation):
    require_same_reading(sensr_pb2, full_message.FULL | {"custom": custom}, generation)


@pytest.mark.parametrize(("seed", "generation"), SEEDS)
def test_google_reads_anything_the_tests_write(sensr_pb2, seed, generation):
    message = random_message(seed, generation)
    shuffle = random.Random(seed)
    require_same_reading(sensr_pb2, message, generation, shuffle=shuffle, packed=seed % 2 == 0)


def test_unknown_fields_are_found(sensr_pb2):
    """Or the check for them would check nothing."""
    added = output_encoder.UNKNOWN["varint"]
    for stream in (added, {"objects": [added]}, {"objects": [{"bbox": added}]}):
        with pytest.raises(AssertionError):
            read(sensr_pb2.OutputMessage, output_encoder.output({"stream": stream}))


# ---- the simulator -----------------------------------------------------------------------------------


def parts_of(message):
    """The paths of all parts that a message has."""
    parts = set()
    for field, value in message.ListFields():
        parts.add(field.name)
        if field.message_type is None or is_map(field):
            continue
        for item in value if field.is_repeated else [value]:
            parts |= {f"{field.name}.{inner}" for inner in parts_of(item)}
    return parts


#: Besides, it has all of `CustomMessage` or `CustomMessage25` to say.
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
    """A client that reads without end: one that stops would not hear the answer to its goodbye."""
    return connect(f"ws://127.0.0.1:{port}/", compression=None, max_size=None, max_queue=None)


@pytest.mark.parametrize("generation", (3, 2.5))
def test_google_reads_what_the_simulator_sends(environment, sensr_pb2, generation):
    """Both streams, until everything has been said."""
    sim = environment.sim("--points", 500, "--generation", generation)
    kind = custom_kind(sensr_pb2, generation)
    wanted = {
        *OF_THE_SIMULATOR,
        *(f"custom.{name}" for name in MESSAGES[kind.DESCRIPTOR.name]),
        *(f"cloud {number}" for number in (1, 2, 3)),
    }
    with listening(sim.output_port) as output, listening(sim.points_port) as points:
        # 30 s. The simulator sends 10 a second of both.
        for _ in range(300):
            clouds = read(sensr_pb2.PointResult, points.recv(timeout=30.0)).points
            message = read(sensr_pb2.OutputMessage, output.recv(timeout=30.0))
            wanted -= {f"cloud {cloud.type}" for cloud in clouds if cloud.points} | parts_of(message)
            wanted -= {f"custom.{part}" for part in parts_of(read(kind, message.custom))}
            if not wanted:
                return
    raise AssertionError(f"not within 30 s: {sorted(wanted)}")
