"""A scripted SENSR stream, either of the two: sends exactly what a test tells it to, and remembers what it gets."""

import contextlib
import logging
import socket
import struct
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from support.polling import wait_until

_QUIET = logging.getLogger("scripted server")
_QUIET.disabled = True


class Client:
    """One connection of the bridge."""

    def __init__(self, connection):
        self._connection = connection
        #: Data frames that came in. SENSR's clients send none.
        self.received = []

    def serve(self):
        """Reads until the end."""
        try:
            while True:
                self.received.append(self._connection.recv())
        except ConnectionClosed:
            pass

    @property
    def open(self):
        return self._connection.protocol.state.name == "OPEN"

    @property
    def close_code(self):
        """The code of the close frame that came in. None if none did."""
        close = self._connection.protocol.close_rcvd
        return close and close.code

    def send(self, payload):
        """One message: bytes as a binary one, str as a text one."""
        self._connection.send(payload)

    def send_too_much(self, payload, parts=1):
        """The same for what the bridge refuses: it may have left before all of it is sent."""
        with contextlib.suppress(ConnectionClosed):
            self.send_fragments(payload, parts)

    def send_fragments(self, payload, parts, between=None):
        """One message in several frames; `between` is called after each."""
        size = -(-len(payload) // parts)

        def fragments():
            for start in range(0, len(payload), size):
                yield payload[start : start + size]
                if between:
                    between()

        self._connection.send(fragments())

    def send_raw(self, data):
        """Bytes as they are, past the WebSocket protocol."""
        self._connection.socket.sendall(data)

    def ping(self):
        """Sends a ping and returns an event that the pong sets."""
        return self._connection.ping()

    @contextlib.contextmanager
    def not_reading(self):
        """Nothing that the bridge sends is read, and so nothing is answered."""
        with self._connection.protocol_mutex:
            yield

    def close(self, code=1000, reason=""):
        self._connection.close(code, reason)

    def end_sending(self):
        """Ends the TCP connection after what was sent, without a close frame."""
        self._connection.socket.shutdown(socket.SHUT_WR)

    def abort(self):
        """Cuts the TCP connection, as a dying machine does."""
        linger = struct.pack("ii", 1, 0)
        self._connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._connection.close_socket()

    def wait_closed(self, timeout=30.0):
        """Waits until the bridge has left, and returns its close code."""
        wait_until(lambda: not self.open, "the end of the connection", timeout=timeout)
        return self.close_code


class ScriptedServer:
    """Listens on a `ports.Port`, with TLS if there is a context for it. SENSR offers no compression and keeps quiet unless
    it has data."""

    def __init__(self, port, tls=None):
        self.port = port.number
        self.clients = []
        self._server = serve(
            self._handle,
            sock=port.listener(),
            ssl=tls,
            compression=None,
            ping_interval=None,
            close_timeout=1.0,
            logger=_QUIET,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted server")
        self._thread.start()

    def _handle(self, connection):
        client = Client(connection)
        self.clients.append(client)
        client.serve()

    def client(self, number=1):
        """Waits for the connection of that number, counted from 1, and returns it."""
        wait_until(lambda: len(self.clients) >= number, f"connection number {number}")
        return self.clients[number - 1]

    def close(self):
        """Ends every connection without a goodbye, and stops listening."""
        for client in self.clients:
            if client.open:
                client.abort()
        self._server.shutdown()
        self._thread.join()
        for client in self.clients:
            assert client.received == [], "the bridge sent data"
