"""Runs a command to which a given file is /etc/hosts.

Run it with `unshare --user --map-root-user --mount`.

Usage: with_hosts_file.py FILE COMMAND...
"""

import os
import subprocess
import sys


def main():
    subprocess.run(["mount", "--bind", sys.argv[1], "/etc/hosts"], check=True)
    os.execv(sys.argv[2], sys.argv[2:])


main()
