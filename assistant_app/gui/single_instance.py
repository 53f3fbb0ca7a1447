"""One window for one library: a second start hands its files to the first and ends."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_WAIT_MS = 3_000
_LONGEST = 4 * 1024 * 1024
_LONGEST_SOCKET_PATH = 100
"""Bytes: Unix allows 107 for the path of a socket."""


def server_name(library: Path) -> str:
    """The name under which the window of ``library`` listens; in the person's own runtime folder where there is one."""
    name = "docent-" + hashlib.sha256(os.fsencode(os.path.realpath(library))).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    private = os.path.join(runtime, name)
    fits = len(os.fsencode(private)) <= _LONGEST_SOCKET_PATH
    return private if runtime and os.path.isdir(runtime) and fits else name


def hand_over(name: str, files: Sequence[str]) -> bool | None:
    """Give ``files`` to the window that listens under ``name``.

    Returns:
        whether it took them; null where no window listens.
    """
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(_WAIT_MS):
        return None
    socket.write(msgspec.json.encode(list(files)) + b"\n")
    socket.flush()
    taken = socket.waitForReadyRead(_WAIT_MS) and socket.readAll().data() == b"ok\n"
    socket.abort()
    return taken


class SingleInstance(QObject):
    """The first window's ear for later starts."""

    files_handed_over = Signal(list)
    """Another start was tried: carries its files, often none. The window should come to the front."""

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._callers: list[QLocalSocket] = []
        self._server = QLocalServer(self)
        self._server.newConnection.connect(self._on_connection)

    @property
    def address(self) -> str:
        """Where it listens: the path of the socket, or of the pipe on Windows."""
        return self._server.fullServerName()

    def listen(self) -> bool:
        """Whether this is the first window from now on. A socket left behind by a crash is cleared away."""
        if self._bind():
            return True
        probe = QLocalSocket()
        probe.connectToServer(self._name)
        if probe.waitForConnected(_WAIT_MS):
            probe.abort()
            return False
        QLocalServer.removeServer(self._name)
        return self._bind()

    def _bind(self) -> bool:
        # Not QLocalServer's UserAccessOption: with it a second server takes over the first one's name (Qt 6.11, tried).
        before = os.umask(0o177)
        try:
            return self._server.listen(self._name)
        finally:
            os.umask(before)

    def close(self) -> None:
        self._server.close()

    def _on_connection(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            self._callers.append(socket)
            socket.readyRead.connect(self._read)
            socket.disconnected.connect(self._forget)
        self._read()

    def _read(self) -> None:
        for socket in list(self._callers):
            files = self._files_from(socket)
            if files is not None:
                socket.write(b"ok\n")
                socket.flush()
                self.files_handed_over.emit(files)

    def _files_from(self, socket: QLocalSocket) -> list[str] | None:
        """What the caller hands over; null while it has not said it all. Nonsense hangs up."""
        if socket.bytesAvailable() > _LONGEST:
            socket.abort()
        if not socket.canReadLine():
            return None
        try:
            return msgspec.json.decode(socket.readLine().data(), type=list[str])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            socket.abort()
            return None

    def _forget(self) -> None:
        gone = QLocalSocket.LocalSocketState.UnconnectedState
        for socket in [socket for socket in self._callers if socket.state() == gone]:
            self._callers.remove(socket)
            socket.deleteLater()
