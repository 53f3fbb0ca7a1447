"""What the engine does with assistants: keeping them, and filling a table with one."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_app.answering import shapes
from assistant_app.answering.assistants import Assistants
from assistant_app.engine.library_verbs import Cancelled, Report
from assistant_app.errors import Code, Detail, DocentError, is_disk_full
from assistant_app.paths import resources
from assistant_app.protocol import assistants as protocol
from assistant_app.protocol import messages
from assistant_app.protocol.assistants import Assistant, FormatField, OutputFormat, Row, Table
from assistant_app.protocol.records import Answer, Record
from assistant_app.spreadsheets import LONGEST_CELL, as_csv

if TYPE_CHECKING:
    from assistant_app.engine.service import Service


class _Filled(Record):
    """A line of a table's file: of which document in which state, and its row."""

    state: str
    row: Row


class AssistantVerbs:
    """What :class:`Service` does with assistants."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._shelf = Assistants(service.paths.assistants, resources() / "assistants")

    def answer(self, request: messages.Request, report: Report, cancelled: Cancelled) -> messages.Event:
        """Do what a request wants.

        Raises:
            DocentError: the codes of the methods below.
        """
        match request:
            case protocol.ListAssistants():
                return self.all()
            case protocol.SaveAssistant(assistant=assistant, instead=instead):
                return self.save(assistant, instead)
            case protocol.DeleteAssistant(name=name):
                return self.delete(name)
            case protocol.ImportAssistant(path=path):
                return self.take_in(path)
            case protocol.ExportAssistant(name=name, path=path):
                self.give_out(name, path)
                return messages.Done()
            case protocol.CheckFormat(format=wanted, fields=fields):
                return self.check_format(wanted, fields)
            case protocol.FillTable():
                return self.fill(request, report, cancelled)
            case protocol.ReadTable():
                return self.read(request)
            case protocol.ExportTable():
                self.export(request)
                return messages.Done()
            case _:
                raise AssertionError(type(request))

    # ------------------------------------------------------------ keeping them

    def all(self, saved: str = "") -> protocol.Assistants:
        """All assistants; ``saved`` is passed on."""
        return protocol.Assistants(assistants=self._shelf.all(), saved=saved)

    def get(self, name: str) -> Assistant:
        """The assistant of that name.

        Raises:
            DocentError: ``assistant_unknown``.
        """
        return self._shelf.get(name)

    def save(self, assistant: Assistant, instead: str = "") -> protocol.Assistants:
        """As :meth:`Assistants.save`."""
        self._shelf.save(assistant, instead)
        return self.all(assistant.name)

    def delete(self, name: str) -> protocol.Assistants:
        """As :meth:`Assistants.delete`."""
        self._shelf.delete(name)
        return self.all()

    def take_in(self, path: str) -> protocol.Assistants:
        """As :meth:`Assistants.take_in`."""
        return self.all(self._shelf.take_in(Path(path).expanduser()))

    def give_out(self, name: str, path: str) -> None:
        """As :meth:`Assistants.give_out`."""
        self._shelf.give_out(name, Path(path).expanduser())

    def documents_in(self, collections: Sequence[str]) -> list[str]:
        """The paths of the documents that are in any of ``collections``.

        Raises:
            DocentError: ``collection_unknown``.
        """
        known = {each.name for each in self._service.collections.all()}
        for name in collections:
            if name not in known:
                raise DocentError(Code.COLLECTION_UNKNOWN, collection=name)
        wanted = set(collections)
        return [each.path for each in self._service.documents() if wanted & set(each.collections)]

    # ------------------------------------------------------------ formats

    def check_format(self, wanted: OutputFormat, fields: Sequence[FormatField] | None) -> protocol.FormatChecked:
        """Whether answers can be held to a format, and the table of fields that it is."""
        if fields is not None:
            names = [field.name.strip() for field in fields]
            if not fields or len(set(names)) < len(names) or not all(names):
                details: dict[str, Detail] = {"said": "each field needs a name of its own"}
                return protocol.FormatChecked(
                    format=wanted, fields=list(fields), code=Code.SCHEMA_INVALID, details=details
                )
            wanted = msgspec.structs.replace(wanted, kind="schema", schema=shapes.schema_of(fields))
        try:
            shapes.check_format(wanted)
        except DocentError as problem:
            line, column = problem.details.get("line"), problem.details.get("column")
            return protocol.FormatChecked(
                format=wanted,
                code=problem.code,
                details=problem.details,
                line=line if isinstance(line, int) else None,
                column=column if isinstance(column, int) else None,
            )
        return protocol.FormatChecked(
            format=wanted, fields=shapes.fields_of(wanted.schema) if wanted.kind == "schema" else None
        )

    # ------------------------------------------------------------ tables

    def fill(self, request: protocol.FillTable, report: Report, cancelled: Cancelled) -> Table:
        """Ask an assistant's question of each document, and keep each line as it comes.

        A line that was filled before and holds still stays; one without an answer is tried again.

        Raises:
            DocentError: ``assistant_unknown``, ``question_empty``, ``table_empty``, ``collection_unknown``,
                ``disk_full``, and ``model_*`` where no document could be asked for that reason.
        """
        assistant = self._shelf.get(request.assistant)
        question = _question(request.question, assistant)
        if not question:
            raise DocentError(Code.QUESTION_EMPTY)
        paths = self._documents(request.paths, assistant)
        path = self._table(assistant)
        known = _read_rows(path)
        if request.anew and known:
            for document in paths:
                known.pop(document, None)
            _write_rows(path, known.values())
        rows: list[Row] = []
        stopped = False
        began, asked = time.perf_counter(), 0
        for done, document in enumerate(paths, start=1):
            row = self._held(known.get(document), assistant, question)
            if row is None or row.answer is None:
                if cancelled():
                    stopped = True
                    break
                state = self._state(assistant, question, document)
                row = self._row(document, question, assistant, cancelled)
                if row is None:
                    stopped = True
                    break
                asked += 1
                _keep_row(path, _Filled(state=state, row=row))
            rows.append(row)
            left = (time.perf_counter() - began) / asked * (len(paths) - done) if asked else None
            report(
                protocol.RowFilled(
                    row=row, done=done, total=len(paths), seconds_left=None if left is None else round(left, 1)
                )
            )
        return _as_table(assistant, question, rows, stopped=stopped)

    def read(self, request: protocol.ReadTable) -> Table:
        """What was filled before and holds still; the question is the one that was asked last.

        Raises:
            DocentError: ``assistant_unknown``, ``table_empty``, ``collection_unknown``.
        """
        assistant = self._shelf.get(request.assistant)
        paths = self._documents(request.paths, assistant)
        known = _read_rows(self._table(assistant))
        question = self._asked_last(known, paths, assistant)
        rows = self._rows(known, paths, assistant, question)
        return _as_table(assistant, question, rows, stopped=len(rows) < len(paths))

    def _documents(self, paths: Sequence[str], assistant: Assistant) -> list[str]:
        service = self._service
        held = {each.path for each in service.documents() if each.status in ("indexed", "partial", "unchanged")}
        wanted = [os.path.abspath(os.path.expanduser(path)) for path in paths]
        if not wanted:
            wanted = self.documents_in(assistant.collections) if assistant.collections else sorted(held)
        found = [path for path in dict.fromkeys(wanted) if path in held]
        if not found:
            raise DocentError(Code.TABLE_EMPTY)
        return found

    def _state(self, assistant: Assistant, question: str, path: str) -> str:
        stored = self._service.catalog.stored(path)
        content = "" if stored is None else stored.content_hash
        return f"{content} {hash_of(msgspec.json.encode([assistant, question]))}"

    def _held(self, filled: _Filled | None, assistant: Assistant, question: str) -> Row | None:
        """A line that was filled, if document, question and assistant are as they were then."""
        if filled is None or filled.state != self._state(assistant, question, filled.row.path):
            return None
        return filled.row

    def _asked_last(self, known: dict[str, _Filled], paths: Sequence[str], assistant: Assistant) -> str:
        """The question of the newest line of ``paths`` that holds, or the assistant's own."""
        wanted = set(paths)
        for filled in reversed(known.values()):
            answer = filled.row.answer
            if answer is not None and filled.row.path in wanted and self._held(filled, assistant, answer.question):
                return answer.question
        return _question("", assistant)

    def _rows(
        self, known: Mapping[str, _Filled], paths: Sequence[str], assistant: Assistant, question: str
    ) -> list[Row]:
        held = (self._held(known.get(path), assistant, question) for path in paths)
        return [row for row in held if row is not None]

    def _row(self, path: str, question: str, assistant: Assistant, cancelled: Cancelled) -> Row | None:
        """The line of a document; null where it was stopped."""
        try:
            written = self._service.ask(question, paths=[path], assistant=assistant.name, cancelled=cancelled)
        except DocentError as problem:
            if problem.code is Code.CANCELLED:
                return None
            return Row(path=path, code=problem.code, details=problem.details)
        return None if written.stopped else Row(path=path, answer=written.answer)

    def _table(self, assistant: Assistant) -> Path:
        return self._service.paths.tables / f"{hash_of(assistant.name.casefold().encode())[:16]}.jsonl"

    def export(self, request: protocol.ExportTable) -> None:
        """Write what was filled and holds still as CSV or, where the file's name ends so, as XLSX.

        Raises:
            DocentError: ``assistant_unknown``, ``table_empty``, ``collection_unknown``, ``disk_full``,
                ``file_unwritable``.
        """
        assistant = self._shelf.get(request.assistant)
        question = _question(request.question, assistant)
        paths = self._documents(request.paths, assistant)
        rows = self._rows(_read_rows(self._table(assistant)), paths, assistant, question)
        if not rows:
            raise DocentError(Code.TABLE_EMPTY)
        columns = _columns(assistant, rows)
        lines = [_heads(columns), *(_line(row, columns) for row in rows)]
        target = Path(request.path).expanduser()
        half = target.with_name(f"{target.name}.part")
        try:
            if target.suffix.lower() == ".xlsx":
                half.write_bytes(_as_xlsx(lines))
            else:
                half.write_text(as_csv(lines), encoding="utf-8-sig", newline="")  # a spreadsheet knows it by its mark
            os.replace(half, target)
        except OSError as problem:
            half.unlink(missing_ok=True)
            raise _unwritable(target, problem) from problem


def hash_of(content: bytes) -> str:
    """A short name for ``content``."""
    import hashlib

    return hashlib.sha256(content).hexdigest()[:32]


def _question(said: str, assistant: Assistant) -> str:
    return said.strip() or assistant.question.strip()


def _as_table(assistant: Assistant, question: str, rows: list[Row], *, stopped: bool) -> Table:
    columns = _columns(assistant, rows)
    return Table(assistant=assistant.name, question=question, columns=columns, rows=rows, stopped=stopped)


def _columns(assistant: Assistant, rows: Sequence[Row]) -> list[str]:
    """The names of the format's values; of a list of objects those that the rows have ("items › 1 › name")."""
    wanted = shapes.columns_of(assistant.format)
    found = dict.fromkeys(value.name for row in rows if row.answer for value in row.answer.values)
    more = [name for name in found if name not in wanted]
    return [*(name for name in wanted if not any(each.startswith(f"{name} › ") for each in more)), *more]


def _heads(columns: Sequence[str]) -> list[str]:
    return ["document", *(head for column in columns for head in (column, f"{column} (page)")), "valid", "problem"]


def _line(row: Row, columns: Sequence[str]) -> list[str]:
    cells = [os.path.basename(row.path)]
    answer = row.answer
    values = {value.name: value for value in answer.values} if answer else {}
    pages = {each.number: each.page_label or str(each.page or "") for each in answer.citations} if answer else {}
    for column in columns:
        value = values.get(column)
        if value is None and answer is not None and column == "answer":
            cells += [answer.answer, ", ".join(pages.values())]
        else:
            said = answer.answer if answer and answer.format == "labels" else ""  # "Not stated" is a label, no value
            cells += [value.text or said, pages.get(value.citation or 0, "")] if value else ["", ""]
    return [*cells, "" if answer is None else "yes" if answer.valid else "no", _problem(row, answer)]


def _problem(row: Row, answer: Answer | None) -> str:
    return row.code or ("" if answer is None else answer.problem)


def _as_xlsx(lines: Sequence[Sequence[str]]) -> bytes:
    import xlsxwriter

    # Text stays text: no formula, no link, whatever stands in a document.
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True})
    try:
        sheet = book.add_worksheet("Docent")
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for number, line in enumerate(lines):
            for column, cell in enumerate(line):
                sheet.write_string(number, column, cell[:LONGEST_CELL], wrapped if number else bold)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, max(len(lines[0]) - 1, 0), 24)
    finally:
        book.close()
    return file.getvalue()


def _read_rows(path: Path) -> dict[str, _Filled]:
    """The lines of a table's file by document, the oldest first; of several of one document the last."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    found: dict[str, _Filled] = {}
    for line in lines:
        try:
            filled = msgspec.json.decode(line, type=_Filled)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # written by another version, or cut by a power cut
            continue
        found.pop(filled.row.path, None)  # its place is that of its last line
        found[filled.row.path] = filled
    return found


def _write_rows(path: Path, rows: Iterable[_Filled]) -> None:
    half = path.with_suffix(".part")
    try:
        half.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        os.replace(half, path)
    except OSError as problem:
        half.unlink(missing_ok=True)
        raise _unwritable(path, problem) from problem


def _keep_row(path: Path, row: _Filled) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            stream.write(b"\n" + msgspec.json.encode(row) + b"\n")  # the line before may have been cut
    except OSError as problem:
        raise _unwritable(path, problem) from problem


def _unwritable(path: Path, problem: OSError) -> DocentError:
    return DocentError(Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE, path=str(path))
