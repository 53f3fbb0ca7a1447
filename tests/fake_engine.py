"""A scripted engine: a real child process that speaks the protocol, for tests of the window.

``python fake_engine.py [--script NAME|FILE.json] [--replay FILE.jsonl] [--log FILE]``

Without a script it behaves like a small, well-mannered engine with a library in memory. A script changes that; it is
a JSON object, all of it optional::

    {"start": [STEP, ...],             before the first event; default: [{"event": {"type": "ready", ...}}]
     "documents": [{document}, ...],   what the library holds at the start
     "generate": 300,                  so many documents besides
     "collections": {name: [path]},    what is in them
     "watched": [path, ...],           folders that are followed
     "conversations": 1000,            so many conversations that were held before
     "rewritten": "A full question?",  what a follow-up is understood as
     "candidates": 160,                how many an inspection has
     "steps": 5, "step_seconds": 0.1,  reading whole documents
     "approvals": 300,                 so many approved answers
     "guide": {"verdict": "train"},    what differs in the guide to training
     "trainings": [{training}],        those that were begun before
     "assistants": [{assistant}],      instead of the three that it has
     "training_steps": 60, "training_step_seconds": 0.1, "card": {}, how long one takes, what differs in its card
     "background": [path, ...],        what the engine reads by itself as soon as it is ready (events with job 0)
     "on": {"ask": [[STEP, ...], ...]} what the first, the second, ... request of that type does; then the default}

A step is one of ``{"event": {...}}`` (its job is filled in unless it names one), ``{"raw": "text"}`` (written as it
is), ``{"sleep": seconds}``, ``{"die": "SIGKILL"}``, ``{"exit": status}``, ``{"hang": true}``,
``{"until_cancelled": true}``, ``{"until": "use_adapter"}`` (a request of that type came meanwhile), and
``{"default": true}`` (what a request of that type does without a script).

``--replay`` takes a recording of the pipe, one JSON object a line: ``{"request": {...}}`` or ``{"event": {...}}``.
A request of the window is answered by the events that followed the next recorded request of its type.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import re
import signal
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Message = dict[str, Any]
READY: Message = {"type": "ready", "protocol": 5, "version": "fake"}
STARTER: Message = {
    "path": "/models/smollm2.gguf",
    "name": "SmolLM2 135M Instruct",
    "architecture": "llama",
    "size": 98_000_000,
    "quantisation": "Q4_1",
    "context_length": 8192,
    "layers": 30,
    "parameters": 135_000_000,
    "starter": True,
    "in_use": True,
}
BIGGER: Message = {
    **STARTER,
    "path": "/models/qwen3-4b-q4_k_m.gguf",
    "name": "Qwen3 4B Instruct",
    "size": 2_500_000_000,
    "quantisation": "Q4_K - Medium",
    "layers": 36,
    "starter": False,
    "in_use": False,
}
ADAPTER: Message = {
    "path": "/adapters/json-answers.gguf",
    "name": "json-answers",
    "architecture": "llama",
    "size": 4_000_000,
    "rank": 16,
    "alpha": 32.0,
    "tensors": 210,
    "fits": True,
    "in_use": False,
}
ANSWER = (
    "The deductible of the Standard plan is **$2,000** a year for one person [1]. It counts from January to December,"
    " and payments for prescription drugs do not count towards it [2].\n\n"
    "- Preventive care is covered before the deductible is met [1].\n"
    "- For a family the sum is $4,000.\n"
)
QUOTES = (
    ("The annual deductible is $2,000 for each covered person. Preventive care is covered in full.", 3, True),
    ("Amounts paid for prescription drugs are not applied to the deductible.", 13, False),
)

ASSISTANTS: list[Message] = [
    {"name": "Leases", "about": "What a lease says.", "question": "Who rents what, and for how much?"},
    {"name": "Plain answer", "about": "One short sentence.", "shipped": True},
    {
        "name": "Yes, no, not stated",
        "about": "One of three labels.",
        "format": {"kind": "labels", "labels": ["Yes", "No", "Not stated"]},
        "shipped": True,
    },
]

CARD: Message = {
    "name": "answers",
    "version": 1,
    "format": "text",
    "base_name": STARTER["name"],
    "base_hash": "0" * 64,
    "architecture": "llama",
    "adapter_hash": "1" * 64,
    "data_hash": "2" * 64,
    "examples": 240,
    "held_out": 60,
    "settings": {"rank": 16, "alpha": 32, "epochs": 3, "learning_rate": 0.0002},
    "base": {
        "examples": 60,
        "valid": 0.72,
        "f1": 0.41,
        "exact": 0.05,
        "cited": 0.63,
        "refused": 0.5,
        "wrongly_refused": 0.13,
        "seconds": 4.2,
    },
    "adapter": {
        "examples": 60,
        "valid": 1.0,
        "f1": 0.71,
        "exact": 0.35,
        "cited": 0.88,
        "refused": 0.9,
        "wrongly_refused": 0.02,
        "seconds": 3.4,
    },
    "better": True,
    "agreement": 0.991,
    "base_agreement": 0.994,
    "made_at": "2026-11-21T12:30:00.000Z",
    "seconds": 1250.0,
}

SCRIPTS: dict[str, Message] = {
    "plain": {},
    "three": {"generate": 3},
    "300": {"generate": 300},
    "10000": {"generate": 10_000},
    "dies_in_answer": {
        "generate": 2,
        "on": {
            "ask": [
                [
                    {"event": {"type": "answer_text", "text": "The deductible is "}},
                    {"sleep": 0.05},
                    {"die": "SIGKILL"},
                ]
            ]
        },
    },
    "slow_answer": {
        "generate": 2,
        "on": {"ask": [[{"event": {"type": "answer_text", "text": "It is "}}, {"until_cancelled": True}]]},
    },
    "in_use": {"start": [{"event": {"type": "failed", "code": "library_in_use"}}, {"exit": 3}]},
    "wrong_protocol": {"start": [{"event": {**READY, "protocol": 99}}]},
    "dies_at_start": {"start": [{"exit": 1}]},
}


class Engine:
    """One run of the script over stdin and stdout."""

    def __init__(self, script: Message, log: Path | None) -> None:
        self._script = script
        self._log = log
        self._documents: dict[str, Message] = {}
        self._models = [dict(STARTER), dict(BIGGER)]
        self._adapters = [dict(ADAPTER)]
        self._laid: list[Message] = []
        """The adapters that the next question is answered with; those of the one under way are ``_acting``."""
        self._acting: list[Message] = []
        self._heard: set[str] = set()
        self._cancelled: set[int] = set()
        self._removed: dict[str, Message] = {}
        self._collections: dict[str, set[str]] = {}
        self._watched: dict[str, Message] = {}
        self._going = threading.Event()
        self._going.set()
        self._inbox: queue.Queue[Message | None] = queue.Queue()
        for document in [*script.get("documents", []), *_generated(script.get("generate", 0))]:
            self._documents[document["path"]] = document
        for name, paths in script.get("collections", {}).items():
            self._put_into(name, paths)
        self._conversations: dict[int, Message] = {}
        self._deleted: dict[int, Message] = {}
        self._turns: dict[int, list[Message]] = {}
        """The versions of each turn; what belongs to which conversation is in the conversation's ``turns``."""
        for number in range(script.get("conversations", 0)):
            self._make_conversation(number)
        self._approvals = {each["id"]: each for each in _approvals(script.get("approvals", 0))}
        self._thrown_out: dict[int, Message] = {}
        self._assistants = {each["name"]: each for each in script.get("assistants", ASSISTANTS)}
        self._trainings: dict[str, Message] = {each["name"]: each for each in script.get("trainings", [])}
        self._training_goes_on = threading.Event()
        self._training_goes_on.set()
        for path in script.get("watched", []):
            self._watched[path] = {"path": path, "state": "watching" if Path(path).is_dir() else "missing"}

    def run(self) -> None:
        for step in self._script.get("start", [{"event": READY}]):
            self._step(step, {"type": "start", "job": 0})
        threading.Thread(target=self._listen, daemon=True).start()
        if background := self._script.get("background"):
            threading.Thread(target=self._index_documents, args=(0, {"paths": background}), daemon=True).start()
        while (request := self._inbox.get()) is not None:
            self._answer(request)

    def _listen(self) -> None:
        """Cancel and its like are heard at once, also in the middle of another request; the end of stdin ends all."""
        for line in sys.stdin.buffer:
            request = json.loads(line)
            if self._log:
                with self._log.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(request) + "\n")
            if request["type"] == "cancel":
                self._cancelled.add(request["target"])
            elif request["type"] in ("pause_indexing", "stop_indexing", "use_adapter"):
                self._answer(request)
                self._heard.add(request["type"])
            else:
                self._inbox.put(request)
        os._exit(0)

    def _answer(self, request: Message) -> None:
        scripted = self._script.get("on", {}).get(request["type"], [])
        steps = scripted.pop(0) if scripted else [{"default": True}]
        if request["type"] == "ask":
            self._acting = list(self._laid)
        for step in steps:
            if self._step(step, request):
                return

    def _step(self, step: Message, request: Message) -> bool:
        """Do one step; True ends the request."""
        job = request["job"]
        if "event" in step:
            self._send(**{"job": job, **step["event"]})
        elif "raw" in step:
            _write(step["raw"].encode())
        elif "sleep" in step:
            time.sleep(step["sleep"])
        elif "die" in step:
            os.kill(os.getpid(), getattr(signal, step["die"]))
        elif "exit" in step:
            os._exit(step["exit"])
        elif "hang" in step:
            threading.Event().wait()
        elif "until_cancelled" in step:
            while job not in self._cancelled:
                time.sleep(0.005)
            if request["type"] == "ask":
                answer = _answer(request["question"], "It is", found=True)
                self._send(
                    job, type="answered", answer=answer, stopped=True, **self._keep(request, answer, stopped=True)
                )
            else:
                self._send(job, type="failed", code="cancelled")
            return True
        elif "until" in step:
            while step["until"] not in self._heard:
                time.sleep(0.005)
        elif "default" in step:
            getattr(self, f"_{request['type']}")(job, request)
        return False

    def _send(self, job: int, **event: Any) -> None:
        _write(json.dumps({"job": job, **event}).encode() + b"\n")

    # ------------------------------------------------------------ what a request does by itself

    def _list_documents(self, job: int, request: Message) -> None:
        held = self._removed if request.get("removed") else self._documents
        self._send(job, type="documents", documents=sorted(held.values(), key=lambda each: each["path"]))

    def _index_documents(self, job: int, request: Message) -> None:
        files = list(_files(request["paths"]))
        done: list[Message] = []
        for number, path in enumerate(files):
            pages = self._script.get("pages", 4)
            for page in range(pages + 1):
                while not self._going.wait(0.005) and job not in self._cancelled:
                    pass
                if job in self._cancelled:
                    self._cancelled.discard(0)
                    self._send(job, **(_CANCELLED if job else {"type": "indexed", "documents": done, "seconds": 0.1}))
                    return
                self._send(
                    job,
                    type="index_progress",
                    path=path,
                    stage="reading" if page < pages else "embedding",
                    pages_done=page,
                    pages_total=pages,
                    files_done=number,
                    files_total=len(files),
                    pages_per_second=120.0,
                    seconds_left=(len(files) - number) * 0.1,
                )
                time.sleep(self._script.get("page_seconds", 0.0))
            done.append(self._read(path, request.get("passwords", {}).get(path)))
            self._documents[path] = done[-1]
            if request.get("collection"):
                self._put_into(request["collection"], [path])
            self._send(job, type="document_done", document=done[-1])
        self._send(job, type="indexed", documents=done, seconds=0.1)

    def _read(self, path: str, password: str | None) -> Message:
        """The outcome for one file, decided by its name."""
        name = Path(path).name
        reason: str | None = None
        if "locked" in name and password != "open sesame":
            reason = "password_wrong" if password else "password_needed"
        elif "scan" in name:
            reason = "no_text"
        elif not Path(path).exists():
            reason = "file_missing"
        elif Path(path).suffix not in _KINDS:
            return {**_document(path, reason="not_a_pdf"), "status": "skipped"}
        elif Path(path).suffix == ".pdf" and not Path(path).read_bytes().startswith(b"%PDF"):
            reason = "not_a_pdf"
        return _document(path, reason=reason, pages=1 if Path(path).suffix in _PREVIEWS else 4)

    def _pause_indexing(self, job: int, request: Message) -> None:
        (self._going.clear if request["paused"] else self._going.set)()
        self._send(job, type="indexing_paused", paused=request["paused"])

    def _stop_indexing(self, job: int, request: Message) -> None:
        self._cancelled.add(0)
        self._send(job, type="done")

    def _remove_documents(self, job: int, request: Message) -> None:
        paths = request["paths"]
        if request.get("forever"):
            held = [self._documents.pop(path, None) or self._removed.pop(path, None) for path in paths or self._removed]
            gone = [each for each in held if each]
        else:
            gone = [self._documents.pop(path) for path in paths if path in self._documents]
            for each in gone:
                self._removed[each["path"]] = {**each, "removed_at": "2026-11-20T09:00:00.000Z"}
        self._send(job, type="removed", documents=gone)

    def _put_back_documents(self, job: int, request: Message) -> None:
        back = [self._removed.pop(path) for path in request["paths"] if path in self._removed]
        for each in back:
            each["removed_at"] = None
            self._documents[each["path"]] = each
        self._send(job, type="documents", documents=back)

    # ------------------------------------------------------------ collections, watched folders, backups

    def _put_into(self, name: str, paths: list[str]) -> None:
        self._collections.setdefault(name, set()).update(paths)
        self._tell_documents()

    def _tell_documents(self) -> None:
        for path, document in self._documents.items():
            document["collections"] = sorted(name for name, held in self._collections.items() if path in held)

    def _list_collections(self, job: int, request: Message) -> None:
        held = sorted(
            (name, sum(path in self._documents for path in paths)) for name, paths in self._collections.items()
        )
        self._send(job, type="collections", collections=[{"name": name, "documents": count} for name, count in held])

    def _create_collection(self, job: int, request: Message) -> None:
        if request["name"] in self._collections:
            self._send(job, type="failed", code="collection_exists", details={"collection": request["name"]})
            return
        self._collections[request["name"]] = set()
        self._list_collections(job, request)

    def _rename_collection(self, job: int, request: Message) -> None:
        self._collections[request["new_name"]] = self._collections.pop(request["name"])
        self._tell_documents()
        self._list_collections(job, request)

    def _delete_collection(self, job: int, request: Message) -> None:
        self._collections.pop(request["name"], None)
        self._tell_documents()
        self._list_collections(job, request)

    def _collect(self, job: int, request: Message) -> None:
        self._put_into(request["name"], request["paths"])
        self._list_collections(job, request)

    def _uncollect(self, job: int, request: Message) -> None:
        self._collections.get(request["name"], set()).difference_update(request["paths"])
        self._tell_documents()
        self._list_collections(job, request)

    def _list_watched(self, job: int, request: Message) -> None:
        self._send(job, type="watched", folders=[self._watched[path] for path in sorted(self._watched)])

    def _watch(self, job: int, request: Message) -> None:
        path = request["path"]
        self._watched[path] = {"path": path, "collection": request.get("collection"), "documents": 0}
        self._list_watched(job, request)

    def _unwatch(self, job: int, request: Message) -> None:
        self._watched.pop(request["path"], None)
        self._list_watched(job, request)

    def _back_up(self, job: int, request: Message) -> None:
        for done in range(0, 101, 20):
            if job in self._cancelled:
                self._send(job, **_CANCELLED)
                return
            self._send(job, type="backup_progress", done=done * 10_000, total=1_000_000)
            time.sleep(self._script.get("backup_seconds", 0.0))
        Path(request["path"]).write_bytes(b"a backup")
        left_out = self._script.get("left_out", [])
        count = len(self._documents)
        self._send(job, type="backed_up", path=request["path"], size=1_000_000, documents=count, left_out=left_out)

    def _restore_backup(self, job: int, request: Message) -> None:
        if not Path(request["path"]).is_file():
            self._send(job, type="failed", code="backup_invalid", details={"path": request["path"]})
            return
        self._send(job, type="backup_progress", done=0, total=0)
        self._documents = {each["path"]: each for each in _generated(2)}
        self._send(job, type="restored", documents=2, kept="/library/before")

    # ------------------------------------------------------------ answers and pages

    def _ask(self, job: int, request: Message) -> None:
        assistant = request.get("assistant", "")
        if assistant and assistant not in self._assistants:
            self._send(job, type="failed", code="assistant_unknown", details={"name": assistant})
            return
        paths = request.get("paths") or [path for path, each in self._documents.items() if each["passages"]]
        if not paths:
            self._send(job, type="failed", code="library_empty")
            return
        pause = self._script.get("token_seconds", 0.0)
        for fraction in (0.0, 0.5, 1.0):
            self._send(job, type="model_loading", name=STARTER["name"], fraction=fraction)
            time.sleep(pause)
        searched = request.get("searched")
        if searched is None and request.get("conversation"):
            searched = self._script.get("rewritten")
        if searched and request.get("searched") is None:
            self._send(job, type="question_rewritten", searched=searched)
        self._send(job, type="sources_found", hits=_hits(paths))
        time.sleep(pause * 4)
        text = self._script.get("answer", ANSWER)
        if self._script.get("thinking"):
            for word in self._script["thinking"].split(" "):
                self._send(job, type="answer_text", text=word + " ", thinking=True)
                time.sleep(pause)
        for word in _pieces(text):
            if job in self._cancelled:
                break
            self._send(job, type="answer_text", text=word)
            time.sleep(pause)
        answer = _answer(request["question"], text, found=not self._script.get("not_found"), paths=paths)
        exact = request.get("exact")
        answer.update({"searched": searched or "", "exact": bool(exact), "assistant": request.get("assistant", "")})
        if self._acting:
            answer.update({"adapter": " + ".join(each["file"] for each in self._acting), "adapters": self._acting})
        answer.update(self._script.get("answer_fields", {}))
        thinking, stopped = self._script.get("thinking", ""), job in self._cancelled
        kept = self._keep(request, answer, thinking=thinking, stopped=stopped, searched=searched or "")
        self._send(job, type="answered", answer=answer, thinking=thinking, stopped=stopped, **kept)

    # ------------------------------------------------------------ conversations

    def _keep(self, request: Message, answer: Message, **more: Any) -> Message:
        """The turn and conversation of an answer, as :class:`Answered` carries them; nothing where it is not kept."""
        number = request.get("conversation")
        if number is None:
            return {}
        if number == 0:
            number = max([0, *self._conversations, *self._deleted]) + 1
            self._conversations[number] = {"id": number, "title": answer["question"], "turns": []}
        held = self._conversations[number]
        held["changed_at"] = "2026-11-21T12:00:00.000Z"
        turn = request.get("turn") or max([0, *self._turns]) + 1
        if turn not in held["turns"]:
            held["turns"].append(turn)
        fields = {
            "question": answer["question"],
            "answer": answer,
            "paths": request.get("paths"),
            "collection": request.get("collection"),
            "asked_at": "2026-11-21T12:00:00.000Z",
            **more,
        }
        self._turns.setdefault(turn, []).append(fields)
        return {"turn": self._turn(turn), "conversation": self._listed(number)}

    def _turn(self, turn: int, version: int = 0) -> Message:
        versions = self._turns[turn]
        chosen = version or len(versions)
        return {"id": turn, "version": chosen, "versions": len(versions), **versions[chosen - 1]}

    def _listed(self, number: int, excerpt: str = "") -> Message:
        held = self._conversations[number]
        return {**held, "turns": len(held["turns"]), "excerpt": excerpt}

    def _make_conversation(self, number: int) -> None:
        subject = ("deductible", "parental leave", "notice period", "travel costs")[number % 4]
        answer = _answer(f"What does the handbook say about the {subject}?", ANSWER, found=True)
        kept = self._keep({"conversation": 0}, answer)
        held = self._conversations[kept["conversation"]["id"]]
        held["title"] = f"The {subject} in {2027 - number}"
        held["changed_at"] = f"2026-{10 - number // 28 % 10:02}-{28 - number % 28:02}T{number % 24:02}:15:00.000Z"

    def _list_conversations(self, job: int, request: Message) -> None:
        words = request.get("search", "").casefold().split()
        found = []
        for number, held in self._conversations.items():
            texts = [held["title"]]
            for turn in held["turns"]:
                newest = self._turns[turn][-1]
                texts += [newest["question"], newest["answer"]["answer"]]
            if all(any(word in text.casefold() for text in texts) for word in words):
                at = next((text for text in texts[1:] if words and words[0] in text.casefold()), "")
                found.append(self._listed(number, at[:120]))
        found.sort(key=lambda each: (each["changed_at"], each["id"]), reverse=True)
        self._send(job, type="conversations", conversations=found, search=request.get("search", ""))

    def _open_conversation(self, job: int, request: Message) -> None:
        number = request["conversation"]
        if number not in self._conversations:
            self._send(job, type="failed", code="conversation_unknown")
            return
        turns = [self._turn(turn) for turn in self._conversations[number]["turns"]]
        self._send(job, type="conversation_opened", conversation=self._listed(number), turns=turns)

    def _open_turn(self, job: int, request: Message) -> None:
        self._send(job, type="turn_opened", turn=self._turn(request["turn"], request["version"]))

    def _rename_conversation(self, job: int, request: Message) -> None:
        self._conversations[request["conversation"]]["title"] = request["title"]
        self._list_conversations(job, {})

    def _delete_conversation(self, job: int, request: Message) -> None:
        self._deleted[request["conversation"]] = self._conversations.pop(request["conversation"])
        self._list_conversations(job, {})

    def _put_back_conversation(self, job: int, request: Message) -> None:
        self._conversations[request["conversation"]] = self._deleted.pop(request["conversation"])
        self._list_conversations(job, {})

    def _inspect_answer(self, job: int, request: Message) -> None:
        turn = self._turn(request["turn"], request.get("version", 0))
        count = self._script.get("candidates", 40)
        inspection = {"question": turn["question"], "searched": turn.get("searched", "")}
        if count:
            inspection |= _inspection(turn["question"], count, list(self._documents))
        self._send(job, type="answer_inspected", turn=turn["id"], inspection=inspection)

    # ------------------------------------------------------------ whole documents

    def _estimate_whole(self, job: int, request: Message) -> None:
        seconds = self._script.get("whole_seconds", 170.0)
        steps = self._script.get("steps", 5)
        self._send(job, type="whole_estimated", passages=24 * steps, steps=steps, seconds=seconds)

    def _read_whole(self, job: int, request: Message) -> None:
        steps = self._script.get("steps", 5)
        for done in range(steps):
            if job in self._cancelled:
                self._send(job, **_CANCELLED)
                return
            left = (steps - done) * 34.0 if done else None
            self._send(job, type="whole_progress", done=done, steps=steps, seconds_left=left)
            time.sleep(self._script.get("step_seconds", 0.0))
        names = " and ".join(f"“{Path(path).name}”" for path in request["paths"])
        kind = "summary" if len(request["paths"]) == 1 else "comparison"
        question = f"{'Summarise' if kind == 'summary' else 'Compare'} {names}"
        answer = _answer(question, ANSWER, found=True, paths=request["paths"])
        self._send(job, type="answered", answer=answer, **self._keep(request, answer, kind=kind))

    def _keep_server_key(self, job: int, request: Message) -> None:
        self._send(job, type="done")

    def _save_diagnostics(self, job: int, request: Message) -> None:
        try:
            Path(request["path"]).write_text("{}", encoding="utf-8")
        except OSError:
            self._send(job, type="failed", code="file_unwritable", details={"path": request["path"]})
            return
        self._send(job, type="done")

    # ------------------------------------------------------------ approvals

    def _approve(self, job: int, request: Message) -> None:
        number, text = request["turn"], request.get("answer")
        turn = self._turns[number][-1]
        found = next((each for each in self._approvals.values() if each["turn"] == number), None)
        if request.get("withdraw"):
            turn["approved"] = ""
            if found:
                del self._approvals[found["id"]]
            self._send(job, type="approved", turn=number, approval=None)
            return
        turn["approved"] = "answer" if text is None else "edited"
        example = {
            "question": turn["question"],
            "answer": turn["answer"]["answer"] if text is None else text,
            "sources": [
                {"name": Path(each["path"]).name, "text": each["quote"], "page": each["page"]}
                for each in turn["answer"]["citations"]
            ],
        }
        fresh = max([0, *self._approvals, *self._thrown_out]) + 1
        approval = _judged(
            {
                "id": found["id"] if found else fresh,
                "example": example,
                "origin": turn["approved"],
                "turn": number,
                "approved_at": "2026-11-21T12:00:00.000Z",
            }
        )
        self._approvals[approval["id"]] = approval
        self._send(job, type="approved", turn=number, approval=approval)

    def _send_approvals(self, job: int, kind: str = "approvals", **more: Any) -> None:
        newest = sorted(self._approvals.values(), key=lambda each: each["id"], reverse=True)
        self._send(job, type=kind, approvals=newest, **more)

    def _list_approvals(self, job: int, request: Message) -> None:
        self._send_approvals(job)

    def _change_approval(self, job: int, request: Message) -> None:
        approval = self._approvals[request["approval"]]
        for field in ("question", "answer"):
            if request.get(field) is not None:
                approval["example"][field] = request[field]
        if request.get("answer") is not None and approval["origin"] == "answer":
            approval["origin"] = "edited"
            self._mark_turn(approval, "edited")
        if request.get("accepted") is not None:
            approval["accepted"] = request["accepted"]
        _judged(approval)
        self._send_approvals(job)

    def _delete_approvals(self, job: int, request: Message) -> None:
        for number in request["approvals"]:
            self._thrown_out[number] = self._approvals.pop(number)
            self._mark_turn(self._thrown_out[number], "")
        self._send_approvals(job)

    def _put_back_approvals(self, job: int, request: Message) -> None:
        for number in request["approvals"]:
            self._approvals[number] = self._thrown_out.pop(number)
            self._mark_turn(self._approvals[number], self._approvals[number]["origin"])
        self._send_approvals(job)

    def _mark_turn(self, approval: Message, approved: str) -> None:
        if approval["turn"] in self._turns:
            self._turns[approval["turn"]][-1]["approved"] = approved

    def _import_approvals(self, job: int, request: Message) -> None:
        try:
            lines = Path(request["path"]).read_text(encoding="utf-8").splitlines()
            examples = [json.loads(line) for line in lines]
        except (OSError, ValueError):
            self._send(job, type="failed", code="examples_unreadable", details={"path": request["path"]})
            return
        problems: dict[str, int] = {}
        for example in examples:
            number = max([0, *self._approvals, *self._thrown_out]) + 1
            approval = {"id": number, "example": example, "origin": "imported", "turn": None}
            self._approvals[number] = _judged({**approval, "approved_at": "2026-11-21T12:00:00.000Z"})
            for problem in self._approvals[number]["problems"][:1]:
                problems[problem] = problems.get(problem, 0) + 1
        self._send_approvals(job, "approvals_imported", added=len(examples), problems=problems)

    def _export_approvals(self, job: int, request: Message) -> None:
        try:
            Path(request["path"]).write_text(request.get("shape", "openai"), encoding="utf-8")
        except OSError:
            self._send(job, type="failed", code="file_unwritable", details={"path": request["path"]})
            return
        self._send(job, type="done")

    # ------------------------------------------------------------ assistants

    def _list_assistants(self, job: int, request: Message) -> None:
        self._send(job, type="assistants", assistants=list(self._assistants.values()))

    def _read_table(self, job: int, request: Message) -> None:
        self._send(job, type="table", assistant=request["assistant"], question="", columns=[], rows=[])

    def _save_assistant(self, job: int, request: Message) -> None:
        self._assistants.pop(request.get("instead", ""), None)
        saved = request["assistant"]
        self._assistants = {saved["name"]: saved, **self._assistants}
        self._send(job, type="assistants", assistants=list(self._assistants.values()), saved=saved["name"])

    def _delete_assistant(self, job: int, request: Message) -> None:
        del self._assistants[request["name"]]
        self._list_assistants(job, request)

    # ------------------------------------------------------------ training

    def _read_guide(self, job: int, request: Message) -> None:
        counting = [each for each in self._approvals.values() if each["counts"]]
        problems: dict[str, int] = {}
        for each in self._approvals.values():
            for problem in [] if each["counts"] else each["problems"]:
                problems[problem] = problems.get(problem, 0) + 1
        replies = request["replies"]
        reasons = _reasons(replies, len(counting), bool(problems))
        good = reasons == ["rigid_and_repeated"]
        against = {"needs_knowledge", "content_changes", "instructions_suffice", "not_repeated"} & set(reasons)
        guide = {
            "verdict": "train" if good else "do_not" if against else "not_yet",
            "reasons": reasons,
            "examples": len(self._approvals),
            "counting": len(counting),
            "needed": 30,
            "formats": {"text": len(counting)} if counting else {},
            "problems": problems,
            "answers": 40,
            "valid": 0.62,
            "installed": True,
            "install": "pip install 'docent[training]'",
            "base": STARTER["name"],
            "supported": True,
            "memory_bytes": 1_400_000_000,
            "free_bytes": 9_600_000_000,
            "seconds": 1260.0,
        }
        self._send(job, type="guided", guide={**guide, **self._script.get("guide", {})})

    def _train_adapter(self, job: int, request: Message) -> None:
        threading.Thread(target=self._train, args=(job, request["name"]), daemon=True).start()

    def _train(self, job: int, name: str) -> None:
        steps, pause = self._script.get("training_steps", 60), self._script.get("training_step_seconds", 0.0)
        begun = self._trainings.setdefault(name, {"name": name, "state": "preparing", "losses": []})
        begun.update(state="preparing", steps=steps)

        def tell(state: str) -> None:
            done = len(begun["losses"])
            loss = begun["losses"][-1] if done else None
            left = (steps - done) * pause if done else None
            begun.update(state=state, step=done, loss=loss, seconds_left=left)
            self._send(job, type="training_progress", training={**begun, "losses": []})

        tell("preparing")
        while len(begun["losses"]) < steps:
            if not self._training_goes_on.is_set() and job not in self._cancelled:
                tell("paused")
            while not self._training_goes_on.wait(0.005) and job not in self._cancelled:
                pass
            if job in self._cancelled:
                begun["state"] = "stopped"
                self._send(job, **_CANCELLED)
                return
            begun["losses"].append(_loss(len(begun["losses"]), steps))
            tell("training")
            time.sleep(pause)
        for state in ("exporting", "measuring"):
            tell(state)
            time.sleep(pause)
        del self._trainings[name]
        path = f"/adapters/{name}.gguf"
        self._adapters.append({**ADAPTER, "path": path, "name": name})
        card = {**CARD, "name": name, **self._script.get("card", {})}
        self._send(job, type="adapter_trained", path=path, card=card)

    def _pause_training(self, job: int, request: Message) -> None:
        (self._training_goes_on.clear if request["paused"] else self._training_goes_on.set)()
        self._send(job, type="done")

    def _list_trainings(self, job: int, request: Message) -> None:
        self._send(job, type="trainings", trainings=list(self._trainings.values()))

    def _discard_training(self, job: int, request: Message) -> None:
        self._trainings.pop(request["name"], None)
        self._list_trainings(job, request)

    # ------------------------------------------------------------ pages

    def _open_document(self, job: int, request: Message) -> None:
        if "locked" in request["path"] and request.get("password") != "open sesame":
            self._send(job, type="failed", code="password_needed", details={"path": request["path"]})
            return
        if Path(request["path"]).suffix in _PREVIEWS:
            self._send(job, type="document_opened", path=request["path"], pages=[], boxes=False, preview=True)
            return
        pages = self._documents.get(request["path"], {}).get("pages") or 4
        sizes = [{"width": 595.0, "height": 842.0, "label": str(number + 1)} for number in range(pages)]
        self._send(job, type="document_opened", path=request["path"], pages=sizes, boxes=True)

    def _read_preview(self, job: int, request: Message) -> None:
        sections = self._script.get("sections") or _sections(request["path"])
        for section in sections[:-1]:
            if job in self._cancelled:
                self._send(job, **_CANCELLED)
                return
            self._send(job, type="preview_text", path=request["path"], sections=[section])
            time.sleep(self._script.get("section_seconds", 0.0))
        self._send(job, type="preview_text", path=request["path"], sections=sections[-1:], done=True)

    def _draw_page(self, job: int, request: Message) -> None:
        import base64

        width = request["width"]
        height = round(width * 842 / 595)
        png = base64.b64encode(_page_png(width, height)).decode()
        path, page = request["path"], request["page"]
        self._send(job, type="page_drawn", path=path, page=page, width=width, height=height, png=png)

    def _locate_text(self, job: int, request: Message) -> None:
        boxes = [{"left": 0.12, "top": 0.2, "right": 0.88, "bottom": 0.222}]
        self._send(job, type="text_located", path=request["path"], page=request["page"], boxes=boxes)

    def _read_page(self, job: int, request: Message) -> None:
        self._send(job, type="page_read", path=request["path"], page=request["page"], text="", words=[])

    def _find_text(self, job: int, request: Message) -> None:
        self._send(job, type="text_found", path=request["path"], matches=[], pages_done=4, pages_total=4, done=True)

    def _list_models(self, job: int, request: Message) -> None:
        self._send(job, type="models", models=self._models)

    def _use_model(self, job: int, request: Message) -> None:
        wanted = request["path"] or STARTER["path"]
        if wanted not in [model["path"] for model in self._models]:
            self._send(job, type="failed", code="model_missing", details={"path": wanted})
            return
        for model in self._models:
            model["in_use"] = model["path"] == wanted
        self._list_models(job, request)

    def _inspect_model(self, job: int, request: Message) -> None:
        self._send(job, type="model_inspected", model={**BIGGER, "path": request["path"]})

    def _find_models(self, job: int, request: Message) -> None:
        self._send(job, type="models_found", models=[])

    def _list_offers(self, job: int, request: Message) -> None:
        self._send(job, type="offers", offers=[], downloads=[], memory_bytes=16 * 2**30)

    def _list_adapters(self, job: int, request: Message) -> None:
        self._send(job, type="adapters", adapters=self._adapters)

    def _use_adapter(self, job: int, request: Message) -> None:
        for adapter in self._adapters:
            adapter["in_use"] = adapter["path"] == request["path"] and request.get("enabled", True)
        in_use = (adapter for adapter in self._adapters if adapter["in_use"])
        scale = 1.0 if request.get("scale") is None else request["scale"]
        self._laid = [{"file": Path(each["path"]).stem, "name": each["name"], "scale": scale} for each in in_use]
        self._list_adapters(job, request)

    def _inspect_adapter(self, job: int, request: Message) -> None:
        self._send(job, type="adapter_inspected", adapter={**ADAPTER, "path": request["path"]})

    def _change_settings(self, job: int, request: Message) -> None:
        self._send(job, type="settings_changed", values=request["values"])

    def _examine(self, job: int, request: Message) -> None:
        device = {"name": "CPU", "description": "A processor", "kind": "cpu"}
        self._send(job, type="examined", report={"version": "fake"}, devices=[device])


class Replay:
    """Answers with what a recording answered to the same types of request, in the same order."""

    def __init__(self, recording: Path) -> None:
        self._answers: dict[str, list[list[Message]]] = {}
        self._first: list[Message] = []
        current = self._first
        for line in recording.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if "request" in entry:
                current = []
                self._answers.setdefault(entry["request"]["type"], []).append(current)
            else:
                current.append(entry["event"])

    def run(self) -> None:
        for event in self._first:
            _write(json.dumps(event).encode() + b"\n")
        for line in sys.stdin.buffer:
            request = json.loads(line)
            recorded = self._answers.get(request["type"]) or [[]]
            for event in recorded.pop(0) if len(recorded) > 1 else recorded[0]:
                _write(json.dumps({**event, "job": request["job"]}).encode() + b"\n")


# ---------------------------------------------------------------- made-up content

_lock = threading.Lock()


def _write(data: bytes) -> None:
    with _lock:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


_CANCELLED: Message = {"type": "failed", "code": "cancelled"}
_KINDS = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".epub": "epub",
    ".html": "html",
    ".md": "markdown",
    ".txt": "text",
}
_PREVIEWS = tuple(suffix for suffix in _KINDS if suffix != ".pdf")


def _sections(path: str) -> list[Message]:
    """A preview: a file's own text cut at its Markdown headings, or made-up slides."""
    if path.endswith(".pptx"):
        texts = [f"Slide about part {number}\n" + "A point that is made.\n" * 6 for number in range(1, 13)]
        return [
            {"page": number, "label": str(number), "start": 0, "text": text, "headings": [_heading(text, 1)]}
            for number, text in enumerate(texts, 1)
        ]
    text = Path(path).read_text(encoding="utf-8") if Path(path).exists() else "# A title\n" + "A sentence of it. " * 40
    sections: list[Message] = []
    start = 0
    for part in re.split(r"(?m)^(?=#+ )", text):
        level = len(part) - len(part.lstrip("#"))
        shown = part[level:].lstrip(" ") if level else part
        headings = [_heading(shown, level)] if level else []
        label = shown.split("\n")[0] if level else ""
        if shown:
            sections.append({"page": None, "label": label, "start": start, "text": shown, "headings": headings})
            start += len(shown)
    return sections


def _heading(text: str, level: int) -> Message:
    return {"start": 0, "length": len(text.split("\n")[0]), "level": level}


def _document(path: str, *, reason: str | None = None, pages: int = 4) -> Message:
    partial = reason in ("some_pages_without_text", "some_pages_unreadable")
    status = "indexed" if reason is None else "partial" if partial else "failed"
    details = {"path": path, "count": 2, "pages": pages}
    good = reason is None or partial
    return {
        "path": path,
        "status": status,
        "reason": reason,
        "pages": pages if good or reason == "no_text" else 0,
        "passages": 3 * pages if good else 0,
        "size": 120_000,
        "details": details if reason else {},
        "kind": _KINDS.get(Path(path).suffix) if good or reason == "no_text" else None,
        "empty_pages": 2 if partial else 0,
        "indexed_at": "2026-11-19T08:30:00.000Z",
    }


def _generated(count: int) -> Iterator[Message]:
    subjects = ("Benefits handbook", "Annual report", "Lease agreement", "User manual", "Travel policy", "Tax notice")
    for number in range(count):
        reason = {5: "no_text", 7: "password_needed", 11: "pdf_damaged", 13: "some_pages_without_text"}.get(number % 17)
        subject = subjects[number % len(subjects)]
        document = _document(f"/documents/{subject} {2000 + number}.pdf", reason=reason, pages=6 + 7 * number % 90)
        document["indexed_at"] = f"2026-{1 + number % 10:02}-{1 + number % 28:02}T{number % 24:02}:15:00.000Z"
        document["size"] = 40_000 + 7_919 * number % 9_000_000
        yield document


def _files(paths: list[str]) -> Iterator[str]:
    for path in map(Path, paths):
        found = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        yield from map(str, found)


def _hits(paths: list[str]) -> list[Message]:
    return [
        {
            "rank": number,
            "path": paths[number % len(paths)],
            "page": page,
            "page_label": str(page),
            "score": 0.03,
            "text": quote,
            "start": 40,
            "length": len(quote),
        }
        for number, (quote, page, _) in enumerate(QUOTES, 1)
    ]


def _answer(question: str, text: str, *, found: bool, paths: list[str] | None = None) -> Message:
    hits = _hits(paths or ["/documents/a.pdf"])
    citations = [
        {
            "number": hit["rank"],
            "path": hit["path"],
            "page": hit["page"],
            "quote": hit["text"],
            "start": hit["start"],
            "length": hit["length"],
            "verified": QUOTES[number][2],
            "given_by": "model",
        }
        for number, hit in enumerate(hits)
    ]
    return {
        "question": question,
        "answer": text,
        "found": found,
        "citations": citations if found else [],
        "unsupported": ["For a family the sum is $4,000."] if found and "4,000" in text else [],
        "nearest": [] if found else hits,
        "model": STARTER["name"],
        "milliseconds": {"retrieve": 12.0, "first_token": 800.0, "total": 4200.0},
        "tokens": {"prompt": 900, "completion": 80},
    }


def _approvals(count: int) -> Iterator[Message]:
    subjects = ("deductible", "parental leave", "notice period", "travel costs", "probation", "overtime")
    texts = {
        0: "It says nothing about that",
        3: "The {subject} is settled in section {number}.",
        8: "The {subject} is settled in section {number} [4].",
        11: "",
    }
    plain = "The {subject} is settled in section {number} of the handbook [1]. Requests go to the office [2]."
    for number in range(1, count + 1):
        subject = subjects[number % len(subjects)]
        answer = texts.get(number % 13, plain).format(subject=subject, number=number)
        sources = [
            {"name": "Handbook.pdf", "text": f"Section {number} settles the {subject} for all.", "page": 3},
            {
                "name": "Office rules.docx",
                "text": "Requests go to the office a month before.",
                "page": None,
            },
        ]
        yield _judged(
            {
                "id": number,
                "example": {
                    "question": f"What does section {number} say about the {subject}?",
                    "answer": answer,
                    "sources": sources,
                },
                "origin": ("answer", "edited", "imported")[number % 3],
                "turn": None,
                "approved_at": f"2026-{1 + number % 10:02}-{1 + number % 28:02}T{number % 24:02}:15:00.000Z",
            }
        )


def _judged(approval: Message) -> Message:
    """``approval`` with what is wrong with it."""
    example = approval["example"]
    marks = [int(mark) for mark in re.findall(r"\[(\d+)\]", example["answer"])]
    problem = ""
    if not example["answer"].strip():
        problem = "empty"
    elif any(mark > len(example.get("sources", [])) for mark in marks):
        problem = "cites_nothing_there"
    elif not marks:
        problem = "not_cited"
    approval["problems"] = [problem] if problem else []
    approval["counts"] = not problem or (approval.get("accepted", False) and problem == "not_cited")
    return approval


def _reasons(replies: Message, counting: int, problems: bool) -> list[str]:
    """Why training is advised or not, the deciding reasons first."""
    found = []
    if replies.get("knowledge"):
        found.append("needs_knowledge")
    if replies.get("changes"):
        found.append("content_changes")
    if replies.get("instructed") is False:
        found.append("instructions_untried")
    if replies.get("repeated") is False:
        found.append("not_repeated")
    if counting < 30:
        found.append("too_few_examples")
        found += ["problems"] if problems else []
    if any(replies.get(name) is None for name in ("knowledge", "changes", "instructed", "repeated")):
        found.append("questions_open")
    return found or ["rigid_and_repeated"]


def _loss(step: int, steps: int) -> float:
    """A curve that falls, with the noise of small batches."""
    return round(0.4 + 2.1 * 0.96 ** (100 * step / steps) + 0.22 * ((step * 7919) % 101 / 101 - 0.5), 4)


def _inspection(question: str, count: int, paths: list[str]) -> Message:
    """Candidates as a search leaves them: two lists that agree in part, pages gathered, the first six kept."""
    paths = paths or ["/documents/Benefits handbook.pdf"]
    fates = ("same_page", "lower", "duplicate", "lower", "joined", "lower", "lower")
    candidates = []
    for number in range(count):
        vector = number * 37 % count + 1 if number % 7 else None
        keyword = number * 23 % count + 1 if number % 5 or not number % 7 else None
        vector, keyword = (number + 1 + number % 3, keyword) if number < 8 and vector else (vector, keyword)
        page = 1 + number * 7 % 60
        fate = ("kept", "kept", "kept", "same_page", "kept", "joined", "kept", "no_room")[number] if number < 8 else ""
        candidates.append(
            {
                "path": paths[number % len(paths)],
                "page": page,
                "page_label": str(page),
                "section": page,
                "start": 40 * number,
                "length": 180,
                "text": f"{QUOTES[number % 2][0]} Section {number} of the plan says what is covered and what is not.",
                "fate": fate or fates[number % len(fates)],
                "heading": "Your medical plan › Deductible" if number % 3 else "",
                "vector_rank": vector,
                "keyword_rank": keyword,
                "fused_rank": number + 1,
                "page_rank": None if fate == "duplicate" else max(1, number - number % 4),
                "similarity": round(0.78 - 0.5 * number / count, 3) if vector else None,
            }
        )
    prompt = (
        "<|im_start|>system\nAnswer from the sources alone. Cite each sentence with its source's number, as in [1]."
        "<|im_end|>\n<|im_start|>user\n"
        + "\n\n".join(f"[{number}] {each['text']}" for number, each in enumerate(candidates[:6], 1))
        + f"\n\nQuestion: {question}<|im_end|>\n<|im_start|>assistant\n"
    )
    return {
        "searched": question,
        "named": paths[:1],
        "words": [word.strip("?").casefold() for word in question.split() if len(word) > 3],
        "candidates": candidates,
        "prompt": prompt,
        "budget": {"context": 4096, "instructions": 120, "sources": 900, "history": 0, "question": 40, "answer": 400},
        "milliseconds": {"embed": 9.0, "vectors": 2.0, "keywords": 4.5, "fuse": 1.0, "prompt": 14.0, "model": 3200.0},
    }


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        yield text[start : start + 4]
        start += 4


def _page_png(width: int, height: int) -> bytes:
    """A white page with grey bars for lines of text."""
    bar = width // 8
    blank = b"\x00" + b"\xff" * width
    line = b"\x00" + b"\xff" * bar + b"\xb4" * (width - 2 * bar) + b"\xff" * bar
    step = max(height // 50, 4)
    rows = (line if y % step < step // 3 and height * 0.1 < y < height * 0.9 else blank for y in range(height))

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"".join(rows), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--script", default="plain")
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--log", type=Path)
    options = parser.parse_args()
    if options.replay:
        Replay(options.replay).run()
        return
    named = SCRIPTS.get(options.script)
    script = named if named is not None else json.loads(Path(options.script).read_text(encoding="utf-8"))
    runner: Callable[[], None] = Engine(json.loads(json.dumps(script)), options.log).run
    runner()


if __name__ == "__main__":
    main()
