"""Where data, models, settings and logs live.

``--home DIR`` or ``DOCENT_HOME`` puts everything under one folder (tests, a USB stick, a second library);
otherwise the platform's own folders are used, as platformdirs knows them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from assistant_app.errors import Code, DocentError, is_disk_full


@dataclass(frozen=True)
class Paths:
    """The folders of one Docent installation. Nothing is created until :meth:`create` is called."""

    data: Path
    config: Path
    logs: Path

    @classmethod
    def resolve(cls, home: str | os.PathLike[str] | None = None) -> Paths:
        """The folders to use: ``home``, else ``DOCENT_HOME``, else the platform's."""
        chosen = home or os.environ.get("DOCENT_HOME")
        if chosen:
            root = Path(chosen).expanduser().absolute()
            return cls(data=root, config=root, logs=root / "logs")
        dirs = platformdirs.PlatformDirs("docent", appauthor=False)
        return cls(data=Path(dirs.user_data_dir), config=Path(dirs.user_config_dir), logs=Path(dirs.user_log_dir))

    @property
    def library(self) -> Path:
        """The folder that one process owns: the catalogue, the vectors and the lock."""
        return self.data / "library"

    @property
    def catalog(self) -> Path:
        return self.library / "library.sqlite3"

    @property
    def vectors(self) -> Path:
        return self.library / "chroma"

    @property
    def backups(self) -> Path:
        """Copies of the catalogue that are made by themselves, and what a restored backup replaced."""
        return self.library / "backups"

    @property
    def documents(self) -> Path:
        """Where documents go that a backup brought and that are not at their own place any more."""
        return self.data / "documents"

    @property
    def lock(self) -> Path:
        return self.library / "library.lock"

    @property
    def models(self) -> Path:
        """Where models that the person adds or downloads are kept."""
        return self.data / "models"

    @property
    def adapters(self) -> Path:
        """Where adapters that the person adds are kept."""
        return self.data / "adapters"

    @property
    def assistants(self) -> Path:
        """The person's own assistants, a TOML file each."""
        return self.config / "assistants"

    @property
    def tables(self) -> Path:
        """Tables that assistants filled, one file each."""
        return self.data / "tables"

    @property
    def settings(self) -> Path:
        return self.config / "settings.toml"

    @property
    def window_state(self) -> Path:
        """Size and place of the window: kept apart from the settings, because nobody edits it by hand."""
        return self.config / "window.ini"

    def create(self) -> None:
        """Create the folders, private to their owner (0700 where the system has such modes).

        Raises:
            DocentError: ``library_unwritable`` or ``disk_full``.
        """
        for folder in (self.data, self.config, self.library, self.logs):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                if os.name == "posix" and folder.stat().st_uid == os.getuid():
                    folder.chmod(0o700)
            except OSError as error:
                code = Code.DISK_FULL if is_disk_full(error) else Code.LIBRARY_UNWRITABLE
                raise DocentError(code, path=str(folder)) from error


def resources() -> Path:
    """The folder of icons, styles and the sample document: beside the package in a checkout, inside a frozen app."""
    frozen = getattr(sys, "_MEIPASS", None)
    return Path(frozen) / "resources" if frozen else Path(__file__).resolve().parent.parent / "resources"


def shipped_adapters() -> Path:
    """The folder of the adapters that ship with Docent (``models/adapters``)."""
    frozen = getattr(sys, "_MEIPASS", None)
    root = Path(frozen) if frozen else Path(__file__).resolve().parent.parent
    return root / "models" / "adapters"
