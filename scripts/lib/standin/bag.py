"""Bag of MCAP splits, written with the library `mcap`."""

import contextlib
from dataclasses import dataclass

import yaml
from mcap.writer import CompressionType, Writer

_COMPRESSIONS = {"None": CompressionType.NONE, "Lz4": CompressionType.LZ4, "Zstd": CompressionType.ZSTD}
#: Settings of the MCAP plugin by preset, with its names.
_PRESETS = {
    "none": {},
    "fastwrite": {"noChunking": True},
    "zstd_fast": {"compression": "Zstd"},
    "zstd_small": {"compression": "Zstd", "chunkSize": 4 * 1024 * 1024},
}
_DEFAULT_CHUNK_BYTES = 768 * 1024


def storage_settings(preset, config_file):
    """Returns the settings of the MCAP plugin: those of the preset, changed by the configuration file."""
    settings = dict(_PRESETS[preset])
    if config_file:
        settings |= yaml.safe_load(config_file.read_text()) or {}
    return settings


@dataclass
class Topic:
    """Topic with what the bag stores about it."""

    name: str
    kind: str
    definition: str
    type_hash: str
    offers: list
    messages: int = 0


@dataclass
class Span:
    """Number of messages and times of the first and the last one."""

    path: str = ""
    messages: int = 0
    first_ns: int | None = None
    last_ns: int | None = None

    def add(self, time_ns):
        self.messages += 1
        self.first_ns = time_ns if self.first_ns is None else min(self.first_ns, time_ns)
        self.last_ns = time_ns if self.last_ns is None else max(self.last_ns, time_ns)

    @property
    def duration_ns(self):
        return self.last_ns - self.first_ns if self.messages else 0


class SplitFile:
    """File of a split. Like the MCAP library of the stock recorder it takes no notice of a write that fails."""

    def __init__(self, path):
        self._file = path.open("xb", buffering=0)
        self._position = 0

    def write(self, data):
        # The position counts what should be in the file, for offsets and the limit of the size.
        self._position += len(data)
        rest = memoryview(data)
        with contextlib.suppress(OSError):
            while rest:
                rest = rest[self._file.write(rest) :]

    def tell(self):
        return self._position

    def close(self):
        self._file.close()


class Bag:
    """Folder with splits `<folder>_<N>.mcap`, each complete in itself, and `metadata.yaml`, written at the end.

    Not thread-safe. `on_split` is called with the paths of the closed and of the opened split; the latter is empty at
    the end, as with the stock recorder.
    """

    def __init__(self, folder, settings, max_bytes, max_seconds, on_split, custom_data=(), distro=""):
        self._folder = folder
        self._settings = settings
        self._max_bytes = max_bytes
        self._max_ns = max_seconds * 10**9
        self._on_split = on_split
        self._custom_data = dict(custom_data)
        self._distro = distro
        self._topics = {}
        self._span = Span()
        self._files = []
        folder.mkdir(parents=True)
        self._open()

    def counts(self):
        """Returns the number of messages by topic."""
        return {name: topic.messages for name, topic in self._topics.items()}

    def add_topic(self, topic):
        self._topics[topic.name] = topic
        self._add_channel(topic)

    def write(self, name, time_ns, data):
        """Writes a message, into the next split if this one has reached a limit."""
        split = self._files[-1]
        if split.messages and (
            (self._max_ns and time_ns - split.first_ns > self._max_ns)
            or (self._max_bytes and self._file.tell() > self._max_bytes)
        ):
            self.split()
            split = self._files[-1]
        self._writer.add_message(self._channels[name], time_ns, data, time_ns)
        self._topics[name].messages += 1
        split.add(time_ns)
        self._span.add(time_ns)

    def split(self):
        """Closes the open split and opens the next one."""
        closed = self._close()
        self._open()
        self._on_split(closed, str(self._folder / self._files[-1].path))

    def close(self):
        closed = self._close()
        # The stock recorder takes no notice of a failure here either.
        with contextlib.suppress(OSError):
            text = yaml.safe_dump({"rosbag2_bagfile_information": self._information()}, sort_keys=False)
            (self._folder / "metadata.yaml").write_text(text)
        self._on_split(closed, "")

    def _open(self):
        path = f"{self._folder.name}_{len(self._files)}.mcap"
        self._file = SplitFile(self._folder / path)
        self._files.append(Span(path))
        settings = self._settings
        self._writer = Writer(
            self._file,
            chunk_size=settings.get("chunkSize", _DEFAULT_CHUNK_BYTES),
            compression=_COMPRESSIONS[settings.get("compression", "None")],
            use_chunking=not settings.get("noChunking", False),
            enable_crcs=not settings.get("noChunkCRC", True),
        )
        self._schemas = {}
        self._channels = {}
        self._writer.start("ros2", "record_bag.py")
        self._add_metadata()
        for topic in self._topics.values():
            self._add_channel(topic)

    def _close(self):
        """Finishes the open split and returns its path."""
        self._add_metadata()
        self._writer.finish()
        self._file.close()
        return str(self._folder / self._files[-1].path)

    def _add_channel(self, topic):
        if topic.kind not in self._schemas:
            self._schemas[topic.kind] = self._writer.register_schema(topic.kind, "ros2msg", topic.definition.encode())
        offers = yaml.safe_dump(topic.offers, sort_keys=False)
        metadata = {"offered_qos_profiles": offers, "topic_type_hash": topic.type_hash}
        schema = self._schemas[topic.kind]
        self._channels[topic.name] = self._writer.register_channel(topic.name, "cdr", schema, metadata)

    def _add_metadata(self):
        """Writes the metadata into the open split, as the stock recorder does: without the key around them."""
        self._writer.add_metadata(
            "rosbag2", {"serialized_metadata": yaml.safe_dump(self._information(), sort_keys=False)}
        )

    def _information(self):
        """Returns the metadata of the bag so far."""
        return {
            "version": 9,
            "storage_identifier": "mcap",
            **_times(self._span),
            "message_count": self._span.messages,
            "topics_with_message_count": [
                {
                    "topic_metadata": {
                        "name": topic.name,
                        "type": topic.kind,
                        "serialization_format": "cdr",
                        "offered_qos_profiles": topic.offers,
                        "type_description_hash": topic.type_hash,
                    },
                    "message_count": topic.messages,
                }
                for topic in self._topics.values()
            ],
            "compression_format": "",
            "compression_mode": "",
            "relative_file_paths": [split.path for split in self._files],
            "files": [{"path": split.path, **_times(split), "message_count": split.messages} for split in self._files],
            "custom_data": self._custom_data or None,
            "ros_distro": self._distro,
        }


def _times(span):
    start_ns = span.first_ns if span.messages else 2**63 - 1
    return {
        "starting_time": {"nanoseconds_since_epoch": start_ns},
        "duration": {"nanoseconds": span.duration_ns},
    }
