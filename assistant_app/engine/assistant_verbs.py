"""What the engine does with assistants: keeping them, and filling a table with one."""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
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

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

_LONGEST_CELL = 32_000
"""Characters; a spreadsheet takes 32,767."""


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
            case protocol.ExportTable(assistant=name, path=path):
                self.export(name, path)
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

        A line that was filled before stays, if its document, the question and the assistant are as they were.

        Raises:
            DocentError: ``assistant_unknown``, ``question_empty``, ``table_empty``, ``collection_unknown``,
                ``disk_full``, and ``model_*`` where no document could be asked for that reason.
        """
        assistant = self._shelf.get(request.assistant)
        question = request.question.strip() or assistant.question
        if not question:
            raise DocentError(Code.QUESTION_EMPTY)
        paths = self._documents(request, assistant)
        path = self._table(assistant)
        if request.anew:
            path.unlink(missing_ok=True)
        known = _read_rows(path)
        rows: list[Row] = []
        stopped = False
        began, asked = time.perf_counter(), 0
        for done, document in enumerate(paths, start=1):
            state = self._state(assistant, question, document)
            filled = known.get(document)
            if filled is None or filled.state != state or filled.row.answer is None:
                if cancelled():
                    stopped = True
                    break
                row = self._row(document, question, assistant, cancelled)
                if row is None:
                    stopped = True
                    break
                asked += 1
                filled = _Filled(state=state, row=row)
                _keep_row(path, filled)
            rows.append(filled.row)
            left = (time.perf_counter() - began) / asked * (len(paths) - done) if asked else None
            report(
                protocol.RowFilled(
                    row=filled.row, done=done, total=len(paths), seconds_left=None if left is None else round(left, 1)
                )
            )
        return Table(
            assistant=assistant.name,
            question=question,
            columns=_columns(assistant, rows),
            rows=rows,
            stopped=stopped,
        )

    def _documents(self, request: protocol.FillTable, assistant: Assistant) -> list[str]:
        service = self._service
        held = {each.path for each in service.documents() if each.status in ("indexed", "partial", "unchanged")}
        wanted = [os.path.abspath(os.path.expanduser(path)) for path in request.paths]
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

    def export(self, name: str, path: str) -> None:
        """Write what was filled with an assistant as CSV or, where ``path`` ends so, as XLSX.

        Raises:
            DocentError: ``assistant_unknown``, ``table_empty``, ``disk_full``, ``file_unwritable``.
        """
        assistant = self._shelf.get(name)
        held = {each.path for each in self._service.documents()}
        filled = _read_rows(self._table(assistant))
        rows = [filled[path].row for path in sorted(filled) if path in held]
        if not rows:
            raise DocentError(Code.TABLE_EMPTY)
        columns = _columns(assistant, rows)
        lines = [_heads(columns), *(_line(row, columns) for row in rows)]
        target = Path(path).expanduser()
        half = target.with_name(f"{target.name}.part")
        try:
            if target.suffix.lower() == ".xlsx":
                _write_xlsx(half, lines)
            else:
                with half.open("w", encoding="utf-8-sig", newline="") as stream:  # a spreadsheet knows it by its mark
                    csv.writer(stream).writerows([[_harmless(cell) for cell in line] for line in lines])
            os.replace(half, target)
        except OSError as problem:
            half.unlink(missing_ok=True)
            code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
            raise DocentError(code, path=str(target)) from problem


def hash_of(content: bytes) -> str:
    """A short name for ``content``."""
    import hashlib

    return hashlib.sha256(content).hexdigest()[:32]


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
            cells += [value.text, pages.get(value.citation or 0, "")] if value else ["", ""]
    return [*cells, "" if answer is None else "yes" if answer.valid else "no", _problem(row, answer)]


def _problem(row: Row, answer: Answer | None) -> str:
    return row.code or ("" if answer is None else answer.problem)


def _harmless(cell: str) -> str:
    """A spreadsheet would compute a cell that begins so; documents are not to be trusted
    (https://owasp.org/www-community/attacks/CSV_Injection)."""
    return f"'{cell}"[:_LONGEST_CELL] if cell[:1] in "=+-@\t\r" and cell[:1] else cell[:_LONGEST_CELL]


def _write_xlsx(path: Path, lines: Sequence[Sequence[str]]) -> None:
    import xlsxwriter

    # Text stays text: no formula, no link, whatever stands in a document.
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False, "strings_to_urls": False})
    try:
        sheet = book.add_worksheet("Docent")
        bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True, "valign": "top"})
        for number, line in enumerate(lines):
            for column, cell in enumerate(line):
                sheet.write_string(number, column, cell[:_LONGEST_CELL], wrapped if number else bold)
        sheet.freeze_panes(1, 1)
        sheet.set_column(0, max(len(lines[0]) - 1, 0), 24)
    finally:
        book.close()


def _read_rows(path: Path) -> dict[str, _Filled]:
    """The lines of a table's file by document; of several of one document the last."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return {}
    found = {}
    for line in lines:
        try:
            filled = msgspec.json.decode(line, type=_Filled)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # written by another version, or cut by a power cut
            continue
        found[filled.row.path] = filled
    return found


def _keep_row(path: Path, row: _Filled) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as stream:
            stream.write(b"\n" + msgspec.json.encode(row) + b"\n")  # the line before may have been cut
    except OSError as problem:
        code = Code.DISK_FULL if is_disk_full(problem) else Code.FILE_UNWRITABLE
        raise DocentError(code, path=str(path)) from problem
