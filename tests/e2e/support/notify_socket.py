"""A service manager in place of systemd."""

import socket
import threading

from support.polling import wait_until

#: Timeout of the watchdog, microseconds, so short that signs of life are frequent.
WATCHDOG_USEC = 400_000


class NotifySocket:
    """Receives the notifications of the processes that an environment starts from now on."""

    def __init__(self, environment):
        self.notifications = []
        path = environment.folder / "notify"
        environment.env |= {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(WATCHDOG_USEC)}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self):
        while text := self._socket.recv(4096).decode():
            self.notifications.append(text.splitlines())

    def count(self, line):
        return sum(line in lines for lines in list(self.notifications))

    def wait_for(self, line, count=1):
        wait_until(lambda: self.count(line) >= count, lambda: f"{count} times {line} in {self.notifications}")

    def statuses(self):
        lines = [line for lines in list(self.notifications) for line in lines]
        return [line.removeprefix("STATUS=") for line in lines if line.startswith("STATUS=")]

    def wait_for_status(self, *texts):
        def has_told():
            return any(all(text in status for text in texts) for status in self.statuses())

        wait_until(has_told, lambda: f"a status with {texts} in {self.statuses()}")

    def close(self):
        """Ends the thread by an empty datagram."""
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()
