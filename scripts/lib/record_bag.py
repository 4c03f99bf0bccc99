#!/usr/bin/env python3
"""Stand-in for the stock recorder: takes the command line of `ros2 bag record` and writes real MCAP splits.

For machines without the stock recorder, and for tests of sensr_recorder everywhere. With scripts/lib/standin first in
PATH, `ros2 bag record` runs this file. It has the options that sensr_recorder uses; `--help` lists them.

As the stock recorder does, it subscribes to topics as they appear with the QoS that the publishers offer, splits by
size or duration when a message arrives, names the splits `<bag>_<N>.mcap`, publishes events/write_split, serves
~/split_bagfile, takes no notice of a write that fails, reports the messages lost since its start at splits, writes
metadata.yaml at the end, and ends at SIGINT and SIGTERM. The time of a message in the bag is that of its arrival.

These variables in its environment make it misbehave:

  RECORD_BAG_REFUSE=1               ends at the start with code 1
  RECORD_BAG_EXIT_AFTER_SECONDS=N   ends with code 1 and without an index, N seconds after the start
  RECORD_BAG_EXIT_AFTER_MESSAGES=N  the same after N messages
  RECORD_BAG_STOP_WRITING_AFTER=N   N seconds after the start it goes on receiving and writes nothing more
  RECORD_BAG_BYTES_PER_SECOND=N     writes no faster than this
  RECORD_BAG_BYTES_PER_FILE=N       writes to a file fail beyond this size
  RECORD_BAG_LOSE_EVERY=N           loses every Nth message of each topic, and reports that
  RECORD_BAG_HANG_AT_END=1          does not end at SIGINT and SIGTERM, and writes no index
  RECORD_BAG_FAULTS_WHILE=FILE      the above only while this file exists; only those named in it, if any
  RECORD_BAG_WITHOUT="--NAME ..."   lacks these options, as older recorders do. `--split-service` is the service
"""

import sys

from standin.arguments import parse_arguments
from standin.faults import Faults, InvalidFaultError
from standin.log import log


def main():
    try:
        faults = Faults()
    except InvalidFaultError as problem:
        print(f"record_bag.py: {problem}", file=sys.stderr)
        return 2
    given = parse_arguments(faults.hidden_options)
    if given.output.exists():
        log("ERROR", f"Output folder '{given.output}' already exists.", "ros2bag")
        return 1
    if faults.refuses:
        log("ERROR", "The environment asks for a refusal")
        return 1
    # Only now, so that --help takes no second.
    from standin.node import record  # noqa: PLC0415

    try:
        return record(given, faults)
    except OSError as problem:
        log("ERROR", f"No storage could be initialized: {problem}", "rosbag2_cpp")
        return 1


if __name__ == "__main__":
    sys.exit(main())
