"""How far an indexing job is: what is told of it on the way, with a speed and an estimate that hold."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from assistant_app.protocol.messages import DocumentDone, IndexProgress
from assistant_app.protocol.records import Document, Stage

REPORT_EVERY = 0.1
"""Seconds between two progress reports."""
RECENT_SECONDS = 30.0
"""The estimate rests on the pace of the last seconds: files differ, and the first ones say little of the rest."""

Report = Callable[[IndexProgress | DocumentDone], None]


class Pace:
    """Progress of one job. Its estimates count bytes, because the pages of later files are not known yet.

    Files that cost nothing (unchanged ones, for instance) do not count. Time that the job was held up does not either.
    """

    def __init__(self, report: Report, files_total: int, bytes_total: int) -> None:
        self._report = report
        self._files_total = files_total
        self._bytes_total = bytes_total
        self._files_done = 0
        self._bytes_done = 0
        self._pages_done = 0
        self._held = 0.0
        self._last_report = 0.0
        self._recent: deque[tuple[float, float, int]] = deque([(time.monotonic(), 0.0, 0)])

    def held_up(self, seconds: float) -> None:
        """The job waited so long for something more urgent, or was paused."""
        self._held += seconds

    def tell(self, path: str, stage: Stage, size: int = 0, done: int = 0, total: int = 0) -> None:
        """Report how far the file in hand is: ``done`` of ``total`` pages; not more often than a person can read."""
        now = time.monotonic()
        if now - self._last_report < REPORT_EVERY and stage != "waiting":
            return
        self._last_report = now
        bytes_done = self._bytes_done + (size * done / total if total else 0.0)
        pages = self._pages_done + done
        speed, left = self._pace(now - self._held, bytes_done, pages)
        self._report(
            IndexProgress(
                path=path,
                stage=stage,
                pages_done=done,
                pages_total=total,
                files_done=self._files_done,
                files_total=self._files_total,
                pages_per_second=speed,
                seconds_left=left,
            )
        )

    def _pace(self, now: float, bytes_done: float, pages: int) -> tuple[float | None, float | None]:
        self._recent.append((now, bytes_done, pages))
        while len(self._recent) > 2 and now - self._recent[1][0] > RECENT_SECONDS:
            self._recent.popleft()
        began, bytes_then, pages_then = self._recent[0]
        elapsed = now - began
        if elapsed < 0.5:
            return None, None
        speed = round((pages - pages_then) / elapsed, 1) if pages > pages_then else None
        # Under a second or a hundredth of the work an estimate would jump about.
        known = elapsed > 1.0 and bytes_done > 0.01 * self._bytes_total and bytes_done > bytes_then
        left = (self._bytes_total - bytes_done) * elapsed / (bytes_done - bytes_then) if known else None
        return speed, None if left is None else round(max(left, 0.0), 1)

    def finish(self, document: Document, size: int = 0) -> None:
        """A file has its outcome. ``size``: what it was counted with in the bytes of the job."""
        self._files_done += 1
        self._bytes_done += size
        self._pages_done += document.pages if size else 0
        self._report(DocumentDone(document=document))
