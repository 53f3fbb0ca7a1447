"""Passwords of documents: in memory for this session, and in the system's keyring where a person wants them kept."""

from __future__ import annotations

import hashlib
import json

from assistant_app.errors import Code, DocentError
from assistant_app.library.catalog import Catalog

SERVICE = "docent"
"""Name under which the system's keyring shows the passwords."""
_KEPT = "kept_passwords"


class Passwords:
    """The passwords of one library's documents. The keyring is asked only for documents whose password was kept.

    https://github.com/jaraco/keyring: Secret Service on Linux, the keychain on macOS, the credential locker on Windows.
    """

    def __init__(self, known: Catalog) -> None:
        self._catalog = known
        self._session: dict[str, str] = {}

    def get(self, path: str) -> str | None:
        """The password of the document at ``path``, null where none is known."""
        if path in self._session:
            return self._session[path]
        if path not in self._kept():
            return None
        import keyring
        import keyring.errors

        try:
            password = keyring.get_password(SERVICE, _entry(path))
        except (keyring.errors.KeyringError, OSError):  # locked, or not there today: the person is asked
            return None
        if password is not None:
            self._session[path] = password
        return password

    def remember(self, path: str, password: str) -> None:
        """Use ``password`` for this document until Docent ends."""
        self._session[path] = password

    def keep(self, path: str, password: str) -> None:
        """Put ``password`` into the system's keyring.

        Raises:
            DocentError: ``keyring_unavailable``; it is used until Docent ends all the same.
        """
        self.remember(path, password)
        import keyring
        import keyring.errors

        try:
            keyring.set_password(SERVICE, _entry(path), password)
        except (keyring.errors.KeyringError, OSError) as error:
            raise DocentError(Code.KEYRING_UNAVAILABLE, path=path, said=type(error).__name__) from error
        self._remember_kept({*self._kept(), path})

    def forget(self, path: str) -> None:
        """Forget the password of a document, in the keyring too."""
        self._session.pop(path, None)
        kept = self._kept()
        if path not in kept:
            return
        import keyring
        import keyring.errors

        try:
            keyring.delete_password(SERVICE, _entry(path))
        except (keyring.errors.KeyringError, OSError):
            return  # it stays on the list, so that a later removal tries again
        self._remember_kept(kept - {path})

    def _kept(self) -> set[str]:
        return set(json.loads(self._catalog.fact(_KEPT) or "[]"))

    def _remember_kept(self, paths: set[str]) -> None:
        self._catalog.remember(_KEPT, json.dumps(sorted(paths)))


def _entry(path: str) -> str:
    """The entry's name: a digest, because the keyring is no place for the names of documents."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
