"""ZIP archives that nobody trusts: members are read one by one, into memory, within limits; nothing is ever unpacked.

What an archive says of its members' sizes is not believed: what comes out is counted.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from types import TracebackType

from assistant_app.errors import Code, DocentError

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 64_000_000
MAX_TOTAL_BYTES = 256_000_000


class Archive:
    """An open ZIP file, for use in a ``with`` statement.

    Raises:
        DocentError: in every method ``document_damaged``, ``too_large`` or ``encryption_unsupported``.
    """

    def __init__(self, path: str) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # Whatever a damaged directory makes zipfile raise.
            raise DocentError(Code.DOCUMENT_DAMAGED) from error
        self.names = self._zip.namelist()
        self._total = 0
        if len(self.names) > MAX_MEMBERS:
            self._zip.close()
            raise DocentError(Code.TOO_LARGE, limit=f"{MAX_MEMBERS:,} parts")

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def read(self, name: str) -> bytes:
        """All bytes of a member."""
        try:
            information = self._zip.getinfo(name)
            if information.flag_bits & 1:
                raise DocentError(Code.ENCRYPTION_UNSUPPORTED)
            with self._zip.open(information) as member:
                data = member.read(MAX_MEMBER_BYTES + 1)
        except (DocentError, MemoryError):
            raise
        except Exception as error:  # As above: bad checksums, unknown compression, names that lie.
            raise DocentError(Code.DOCUMENT_DAMAGED) from error
        self._total += len(data)
        if len(data) > MAX_MEMBER_BYTES or self._total > MAX_TOTAL_BYTES:
            raise DocentError(Code.TOO_LARGE, limit=f"{MAX_MEMBER_BYTES // 1_000_000} MB unpacked")
        return data


def office_package(path: str, mended: Callable[[bytes], bytes]) -> io.BytesIO:
    """A DOCX or PPTX without its pictures, films and fonts, which libraries would load and nobody reads.

    Args:
        mended: makes of the package's list of content types what the library knows.
    """
    slim = io.BytesIO()
    with Archive(path) as archive, zipfile.ZipFile(slim, "w", zipfile.ZIP_STORED) as target:
        for name in dict.fromkeys(archive.names):
            data = archive.read(name) if name.lower().endswith((".xml", ".rels")) else b""
            target.writestr(name, mended(data) if name == "[Content_Types].xml" else data)
    slim.seek(0)
    return slim
