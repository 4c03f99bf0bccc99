"""Runs a command with names of its own: to it, a file of the caller's is /etc/hosts.

To be run by `unshare --user --map-root-user --mount`. Usage: own_hosts.py FILE COMMAND...
"""

import os
import subprocess
import sys


def main():
    subprocess.run(["mount", "--bind", sys.argv[1], "/etc/hosts"], check=True)
    os.execv(sys.argv[2], sys.argv[2:])


main()
