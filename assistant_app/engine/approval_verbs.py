"""The verbs that belong to approvals: say that an answer is good or what it should have been, look through, in and out.

What is wrong with an approval is found anew each time, because one may be another's duplicate; only those that changed
are looked at.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from assistant_app.errors import Code, DocentError
from assistant_app.library.approvals import Approvals
from assistant_app.protocol import messages
from assistant_app.protocol import training as protocol
from assistant_app.protocol.training import Approval, ChatShape, Example, Origin
from assistant_app.training import approval_checks
from assistant_app.training.dataset import of_turn, read_examples, write_examples

if TYPE_CHECKING:
    from assistant_app.engine.service import Service

Request = (
    protocol.Approve
    | protocol.ListApprovals
    | protocol.ChangeApproval
    | protocol.DeleteApprovals
    | protocol.PutBackApprovals
    | protocol.ImportApprovals
    | protocol.ExportApprovals
)


class ApprovalVerbs:
    """What :class:`Service` does with approvals."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._known: dict[bytes, approval_checks.Looked] = {}

    @property
    def _kept(self) -> Approvals:
        return Approvals(self._service.catalog)  # a restored backup brings another catalogue

    def answer(self, request: Request) -> messages.Event:
        """Do what is asked for.

        Raises:
            DocentError: as the verb.
        """
        match request:
            case protocol.Approve(turn=turn, withdraw=True):
                self.withdraw(turn)
                return protocol.Approved(turn=turn, approval=None)
            case protocol.Approve(turn=turn, answer=edited):
                return protocol.Approved(turn=turn, approval=self.approve(turn, edited))
            case protocol.ChangeApproval(approval=number, question=question, answer=edited, accepted=accepted):
                self.change(number, question=question, answer=edited, accepted=accepted)
            case protocol.DeleteApprovals(approvals=numbers):
                self._kept.delete(numbers)
            case protocol.PutBackApprovals(approvals=numbers):
                self._kept.put_back(numbers)
            case protocol.ImportApprovals(path=path):
                added, problems = self.read(path)
                return protocol.ApprovalsImported(approvals=self.all(), added=added, problems=problems)
            case protocol.ExportApprovals(path=path, shape=shape):
                self.write(path, shape)
                return messages.Done()
        return protocol.Approvals(approvals=self.all())

    # ------------------------------------------------------------ what there is

    def all(self) -> list[Approval]:
        """All approvals with their problems, the newest first."""
        return self._checked()[::-1]

    def counting(self) -> list[Example]:
        """The examples that are learnt from, the oldest first."""
        return [approval.example for approval in self._checked() if approval.counts]

    def _checked(self) -> list[Approval]:
        approvals = self._kept.all()
        problems = approval_checks.problems([approval.example for approval in approvals], self._known)
        return [
            msgspec.structs.replace(approval, problems=its, counts=approval_checks.counts(its, approval.accepted))
            for approval, its in zip(approvals, problems, strict=True)
        ]

    # ------------------------------------------------------------ one by one

    def approve(self, turn: int, edited: str | None = None) -> Approval:
        """Approve the newest answer of a turn, or as it should have been.

        Raises:
            DocentError: ``conversation_unknown``, ``approval_refused``, ``examples_too_many``, ``disk_full``.
        """
        conversations = self._service.conversations
        shown = conversations.turn(turn)
        if edited is not None:
            edited = _clean(edited)
        if edited == shown.answer.answer.strip():
            edited = None
        example = of_turn(shown, conversations.inspection(turn, shown.version), edited)
        number = self._kept.keep(turn, shown.version, example, "answer" if edited is None else "edited")
        return next(approval for approval in self._checked() if approval.id == number)

    def withdraw(self, turn: int) -> None:
        """Take the approval of a turn's newest answer back, if it has one. Raises ``conversation_unknown``."""
        self._kept.withdraw(turn, self._service.conversations.turn(turn).version)

    def change(
        self, approval: int, *, question: str | None = None, answer: str | None = None, accepted: bool | None = None
    ) -> None:
        """Give an approval another question or answer, or let it count in spite of its problems; null: as it is.

        Who changes its words accepts its problems anew: they may be others.

        Raises:
            DocentError: ``approval_unknown``, ``examples_too_many``, ``disk_full``.
        """
        kept = self._kept.get(approval)
        example = _with_words(kept.example, question, answer)
        is_same = example == kept.example
        origin: Origin = "edited" if kept.origin == "answer" and not is_same else kept.origin
        if accepted is None:
            accepted = kept.accepted and is_same
        self._kept.change(approval, example, origin, accepted)

    # ------------------------------------------------------------ in and out

    def read(self, path: str) -> tuple[int, dict[str, int]]:
        """Import a file of examples, all or none: how many were added, and how many do not count, by problem.

        What is there already, word for word, is not added, and is a ``duplicate``.

        Raises:
            DocentError: as :func:`read_examples`; ``examples_too_many``, ``disk_full``.
        """
        there = {_identity(approval.example) for approval in self._kept.all()}
        new: list[Example] = []
        repeated = 0
        for example in read_examples(Path(path).expanduser().absolute()):
            identity = _identity(example)
            if identity in there:
                repeated += 1
            else:
                there.add(identity)
                new.append(example)
        added = set(self._kept.add(new))
        wrong = Counter(
            problem
            for approval in self._checked()
            if approval.id in added and not approval.counts
            for problem in approval.problems
        )
        wrong["duplicate"] += repeated
        return len(added), {problem: count for problem, count in wrong.items() if count}

    def write(self, path: str, shape: ChatShape) -> None:
        """Write the examples that count, the oldest first, as JSONL.

        Raises:
            DocentError: ``examples_empty`` where none counts, ``file_unwritable``, ``disk_full``.
        """
        target = Path(path).expanduser().absolute()
        examples = self.counting()
        if not examples:
            raise DocentError(Code.EXAMPLES_EMPTY, path=str(target))
        write_examples(target, examples, shape)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _identity(example: Example) -> tuple[str, str]:
    return approval_checks.likeness(example), example.answer.strip()


def _with_words(example: Example, question: str | None, answer: str | None) -> Example:
    """An example with another question or answer; where its prompt is its own, the question in there is changed."""
    if answer is not None:
        example = msgspec.structs.replace(example, answer=_clean(answer))
    if question is None:
        return example
    question = _clean(question)
    prompt = example.messages
    if prompt and prompt[-1]["content"] == example.question:
        prompt = [*prompt[:-1], {**prompt[-1], "content": question}]
    return msgspec.structs.replace(example, question=question, messages=prompt)
