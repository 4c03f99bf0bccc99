"""Scripted server of one SENSR stream: sends exactly what a test passes to it and records what it receives."""

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


class ClientConnection:
    """Connection of the bridge, seen by the server."""

    def __init__(self, connection):
        self._connection = connection
        #: Received data frames. Clients of SENSR send none.
        self.received = []

    def serve(self):
        """Reads until the connection ends."""
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
        """The code of the received close frame, None if there was none."""
        close = self._connection.protocol.close_rcvd
        return close and close.code

    def send(self, payload):
        """Sends a message: bytes as a binary one, str as a text one."""
        self._connection.send(payload)

    def send_too_much(self, payload, parts=1):
        """Sends a message that the bridge refuses: it may disconnect before all of it is sent."""
        with contextlib.suppress(ConnectionClosed):
            self.send_fragments(payload, parts)

    def send_fragments(self, payload, parts, between=None):
        """Sends a message in several frames; `between` is called after each."""
        size = -(-len(payload) // parts)

        def fragments():
            for start in range(0, len(payload), size):
                yield payload[start : start + size]
                if between:
                    between()

        self._connection.send(fragments())

    def send_raw(self, data):
        """Sends bytes without a WebSocket frame around them."""
        self._connection.socket.sendall(data)

    def ping(self):
        """Sends a ping and returns an event that the pong sets."""
        return self._connection.ping()

    @contextlib.contextmanager
    def not_reading(self):
        """Suspends reading, so that the server answers nothing, pings included."""
        with self._connection.protocol_mutex:
            yield

    def close(self, code=1000, reason=""):
        self._connection.close(code, reason)

    def end_sending(self):
        """Closes the sending direction of the TCP connection without a close frame."""
        self._connection.socket.shutdown(socket.SHUT_WR)

    def abort(self):
        """Resets the TCP connection, as after a crash of the machine."""
        linger = struct.pack("ii", 1, 0)
        self._connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._connection.close_socket()

    def wait_closed(self, timeout=30.0):
        """Waits until the bridge has disconnected and returns its close code."""
        wait_until(lambda: not self.open, "the end of the connection", timeout=timeout)
        return self.close_code


class ScriptedServer:
    """Listens on a `ports.Port`, with TLS if there is a context for it.

    As SENSR it offers no compression and sends nothing but data.
    """

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
        client = ClientConnection(connection)
        self.clients.append(client)
        client.serve()

    def client(self, number: int = 1) -> ClientConnection:
        """Waits for the connection with this number, counted from 1, and returns it."""
        wait_until(lambda: len(self.clients) >= number, f"connection number {number}")
        return self.clients[number - 1]

    def close(self):
        """Resets every connection and stops listening."""
        for client in self.clients:
            if client.open:
                client.abort()
        self._server.shutdown()
        self._thread.join()
        for client in self.clients:
            assert client.received == [], "the bridge sent data"
