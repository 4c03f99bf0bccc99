"""A bridge that leaks: the bridge of this package with the same arguments, beside which memory grows in one session."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BRIDGE = Path(os.environ["SENSR_BRIDGE_PREFIX"]) / "lib" / "sensr_bridge" / "sensr_bridge"
LEAKED_BYTES = 1 << 20
PAUSE_SECONDS = 0.1


def main():
    with subprocess.Popen([BRIDGE, *sys.argv[1:]]) as bridge:
        for number in (signal.SIGINT, signal.SIGTERM):
            # The bridge gets the signal too, and this process ends with it.
            signal.signal(number, signal.SIG_IGN)
        leaked = []
        while bridge.poll() is None:
            leaked.append(b"\x01" * LEAKED_BYTES)
            time.sleep(PAUSE_SECONDS)
        return bridge.returncode


if __name__ == "__main__":
    sys.exit(main())
