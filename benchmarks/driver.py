"""Takes commands in the window's process and does them as a person would; measures from within."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import msgspec
import psutil
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication

from assistant_app.errors import Code
from assistant_app.gui.engine_link import EngineLink, Failure, Job
from assistant_app.gui.main_window import MainWindow
from assistant_app.protocol import messages

Say = Callable[[dict[str, Any]], None]


class Driver(QObject):
    """One command after the other; each method named ``do_…`` says its answer through ``_say``, sooner or later."""

    commanded = Signal(object)

    def __init__(self, say: Say) -> None:
        super().__init__()
        self._say = say
        self._gaps: list[float] = []
        self._own_work: list[float] = []
        self._ticks = QTimer(self, interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._ticks.timeout.connect(self._tick)
        self._last_tick = self._last_work = 0.0
        self._busy = False
        self._open_jobs = self._open_pages = self._pages_drawn = 0
        self._answers: list[dict[str, Any]] = []
        self._questions: Iterator[str] = iter(())
        self._watch_requests()
        self.commanded.connect(self._on_command)

    @property
    def _window(self) -> MainWindow:
        return next(each for each in QApplication.topLevelWidgets() if isinstance(each, MainWindow))

    def listen(self, commands: TextIO) -> None:
        """Hand each line of ``commands`` to the event loop; their end ends the window. Runs in a thread."""
        for line in commands:
            self.commanded.emit(json.loads(line))
        self.commanded.emit({"do": "quit"})

    def _on_command(self, command: dict[str, Any]) -> None:
        getattr(self, "do_" + command.pop("do"))(**command)

    # ------------------------------------------------------------ commands

    def do_quit(self) -> None:
        """End the window."""
        QApplication.quit()

    def do_memory(self) -> None:
        """The window's own resident memory, in megabytes."""
        self._say({"megabytes": psutil.Process().memory_info().rss / 1e6})

    def do_work(self, paths: list[str], questions: list[str], watch: bool = False) -> None:
        """Add ``paths``, and ask the questions one after the other meanwhile; done when all of it is.

        Answers with what is known of each answer and, where they were to be watched, the pauses of the event loop
        (milliseconds between two turns of a timer of one millisecond; it takes some of the processor itself) and the
        processor time that the window's own thread spent in each.
        """
        self._gaps, self._own_work, self._answers = [], [], []
        self._questions = iter(questions)
        self._last_tick, self._last_work = time.perf_counter(), time.thread_time()
        if watch:
            self._ticks.start()
        self._busy = True
        if paths:
            self._window.add_paths(paths)
        self._ask_next()

    def do_scroll(self, path: str, pages: int, step: int) -> None:
        """Open a document and go through its pages, each when the one before is drawn.

        Answers with memory in megabytes before, after and at most, and with the number of pages that were drawn.
        """
        process = psutil.Process()
        seen = [process.memory_info().rss / 1e6]
        self._window.open_document(path)
        turn = iter(range(1, pages + 1, step))

        def next_page() -> None:
            seen.append(process.memory_info().rss / 1e6)
            if self._open_pages:
                QTimer.singleShot(10, next_page)
                return
            page = next(turn, None)
            if page is None:
                self._say({"before": seen[0], "after": seen[-1], "most": max(seen), "drawn": self._pages_drawn})
                return
            viewer = self._window.viewer
            assert viewer is not None
            viewer.show_document(path, page)
            QTimer.singleShot(30, next_page)

        QTimer.singleShot(1000, next_page)

    def do_stop(self, question: str, seconds: float) -> None:
        """Ask, and stop so many seconds later. Answers with the milliseconds from there until the window is free."""
        conversation = self._window.conversation
        conversation.ask(question)

        def press() -> None:
            was_answering, began = conversation.is_answering, time.perf_counter()
            conversation.stop()

            def look() -> None:
                if conversation.is_answering:
                    QTimer.singleShot(1, look)
                else:
                    self._say({"ms": (time.perf_counter() - began) * 1000 if was_answering else None})

            look()

        QTimer.singleShot(round(1000 * seconds), press)

    # ------------------------------------------------------------ what is watched

    def _watch_requests(self) -> None:
        request = EngineLink.request

        def watched(link: EngineLink, message: messages.Message) -> Job:
            job = request(link, message)
            if isinstance(message, messages.Ask):
                self._watch_answer(job)
            if isinstance(message, messages.DrawPage):
                self._open_pages += 1
                job.finished.connect(self._on_drawn)
                job.failed.connect(self._on_drawn)
            if isinstance(message, (messages.Ask, messages.IndexDocuments)):
                self._open_jobs += 1
                for signal in (job.finished, job.failed):
                    signal.connect(self._on_end)
            return job

        EngineLink.request = watched  # type: ignore[method-assign,assignment]

    def _on_drawn(self, outcome: messages.Event | Failure) -> None:
        self._open_pages -= 1
        self._pages_drawn += isinstance(outcome, messages.PageDrawn)

    def _watch_answer(self, job: Job) -> None:
        began = time.perf_counter()
        written: list[float] = []
        sources: list[dict[str, Any]] = []

        def progressed(event: messages.Event) -> None:
            if isinstance(event, messages.AnswerText):
                written.append(time.perf_counter())
            elif isinstance(event, messages.SourcesFound):
                sources.extend(msgspec.to_builtins(event.hits))

        def finished(event: messages.Event) -> None:
            assert isinstance(event, messages.Answered)
            tokens = event.answer.tokens.completion
            self._answers.append(
                {
                    "question": event.answer.question,
                    "hits": sources,
                    "tokens": tokens,
                    "first_ms": (written[0] - began) * 1000 if written else None,
                    "tokens_a_second": (tokens - 1) / (written[-1] - written[0]) if len(written) > 1 else None,
                }
            )

        job.progressed.connect(progressed)
        job.finished.connect(finished)

    def _ask_next(self) -> None:
        question = next(self._questions, None)
        if question is not None:
            self._window.conversation.ask(question)

    def _on_end(self, outcome: messages.Event | Failure) -> None:
        self._open_jobs -= 1
        if isinstance(outcome, Failure) and outcome.code == Code.CANCELLED:
            return  # as `do_stop` wanted it
        if isinstance(outcome, Failure):
            self._busy = False
            self._ticks.stop()
            self._say({"failed": f"{outcome.code} {outcome.details}"})
        elif isinstance(outcome, messages.Answered):
            QTimer.singleShot(0, self._ask_next)  # once the pane knows that the answer has ended
        QTimer.singleShot(50, self._finish)

    def _finish(self) -> None:
        if self._open_jobs == 0 and self._busy:
            self._busy = False
            self._ticks.stop()
            self._say({"gaps": self._gaps, "own_work": self._own_work, "answers": self._answers})

    def _tick(self) -> None:
        now, work = time.perf_counter(), time.thread_time()
        self._gaps.append((now - self._last_tick) * 1000)
        self._own_work.append((work - self._last_work) * 1000)
        self._last_tick, self._last_work = now, work
