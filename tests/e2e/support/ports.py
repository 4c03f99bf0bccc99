"""Ports and domain ids that nobody else uses, so that suites can run side by side."""

import random
import socket

#: A port above this stands for a domain id, as in ROS's own `domain_coordinator`.
_DOMAIN_PORT_BASE = 22119
_DOMAIN_IDS = range(1, 102)
#: More than one machine has in one domain.
_PARTICIPANTS = 32


class Port:
    """A free TCP port on the loopback, held until `close`.

    Bound but not listening: connecting to it is refused, another listener can still take it (it must set
    SO_REUSEADDR, as servers do), also again and again, and the system gives it to nobody else.
    """

    def __init__(self, address="127.0.0.1", number=0):
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, number))
        self.address = address
        self.number = self._socket.getsockname()[1]

    def listener(self):
        """A listening socket on the port. Connections queue up until they are accepted."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.number))
        listener.listen(16)
        return listener

    def close(self):
        self._socket.close()


def _is_in_use(domain_id):
    """Whether a DDS participant on this machine listens on a port of the domain (RTPS 2.5, 9.6.2.3)."""
    base = 7400 + 250 * domain_id
    for port in (base, *(base + 10 + 2 * participant for participant in range(_PARTICIPANTS))):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return True
    return False


class Domain:
    """A random ROS domain id that nobody uses. A bound socket keeps it from other tests on this machine."""

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
