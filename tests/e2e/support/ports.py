"""Reserved ports and ROS domain ids, so that tests and whole suites can run at the same time."""

import random
import socket

#: A bound port at this number plus a domain id reserves that id, as in ROS's own `domain_coordinator`.
_DOMAIN_PORT_BASE = 22119
_DOMAIN_IDS = range(1, 102)
#: More participants than a machine has in one domain.
_PARTICIPANTS = 32


class Port:
    """Free TCP port on the loopback, reserved until `close`.

    The port is bound and does not listen: it refuses connections, and the system assigns it to no other program.
    Listeners can use it, also repeatedly, if they set SO_REUSEADDR as servers do.
    """

    def __init__(self, address="127.0.0.1", number=0):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, number))
        self.address = address
        self.number = self._socket.getsockname()[1]

    def listener(self):
        """Returns a listening socket on the port. Connections queue up until they are accepted."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.number))
        listener.listen(16)
        return listener

    def close(self):
        self._socket.close()


def _is_in_use(domain_id):
    """Returns whether a DDS participant on this machine uses a port of the domain (RTPS 2.5, 9.6.2.3)."""
    base = 7400 + 250 * domain_id
    for port in (base, *(base + 10 + 2 * participant for participant in range(_PARTICIPANTS))):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return True
    return False


class Domain:
    """Random unused ROS domain id. A bound socket reserves it among the tests on this machine."""

    def __init__(self):
        for domain_id in random.sample(_DOMAIN_IDS, len(_DOMAIN_IDS)):
            lock = socket.socket()
            try:
                lock.bind(("127.0.0.1", _DOMAIN_PORT_BASE + domain_id))
            except OSError:
                lock.close()
                continue
            if _is_in_use(domain_id):
                lock.close()
                continue
            self._lock = lock
            self.id = domain_id
            return
        raise RuntimeError("all ROS domain ids are in use")

    def close(self):
        self._lock.close()
