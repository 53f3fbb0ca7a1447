"""Requests (window to engine) and events (engine to window), typed and tagged.

Every request carries a ``job`` number that the window chose. The engine answers with any number of progress events
and then with exactly one final event of the same job: the result, or :class:`Failed`. An event with job 0 belongs to
no request.
"""

from __future__ import annotations

from assistant_app.errors import Detail
from assistant_app.protocol import adapters, assistants, report, shelf, training
from assistant_app.protocol.message import Message as Message
from assistant_app.protocol.records import (
    Adapter,
    Answer,
    Backend,
    Box,
    Collection,
    Conversation,
    Device,
    Document,
    Hit,
    Inspection,
    Match,
    Model,
    PageSize,
    Section,
    Stage,
    Turn,
    WatchedFolder,
    Word,
)

PROTOCOL = 5


# ---------------------------------------------------------------- requests


class Cancel(Message, tag="cancel"):
    """Stop the job whose number is ``target``; it ends with ``failed`` and the code ``cancelled``.

    A cancelled ``ask`` ends with ``answered`` instead where text was already written: what stands is kept. Cancel
    itself is answered by nothing.
    """

    target: int


class ListDocuments(Message, tag="list_documents"):
    """Every file ever offered; with ``removed`` those instead that were removed and can be put back.

    Answered by :class:`Documents`.
    """

    removed: bool = False


class IndexDocuments(Message, tag="index_documents"):
    """Add files and folders. Progress: :class:`IndexProgress`, :class:`DocumentDone`. Final: :class:`Indexed`.

    ``passwords`` maps a path to the password that opens it. It is kept in the system's keyring only with
    ``keep_passwords``, once it has opened the file.
    """

    paths: list[str]
    collection: str | None = None
    passwords: dict[str, str] = {}
    keep_passwords: bool = False


class PauseIndexing(Message, tag="pause_indexing"):
    """Stop indexing between two pages, or go on; holds for jobs to come too. Answered by :class:`IndexingPaused`."""

    paused: bool


class StopIndexing(Message, tag="stop_indexing"):
    """Cancel every indexing job, those as well that the engine began by itself. Answered by :class:`Done`."""


class RemoveDocuments(Message, tag="remove_documents"):
    """Take documents out of the library; the files stay. Answered by :class:`Removed`.

    They can be put back for a while with :class:`PutBackDocuments`, unless ``forever``, which also takes those that
    were removed before. ``paths`` null: all that were removed before (only with ``forever``).
    """

    paths: list[str] | None
    forever: bool = False


class PutBackDocuments(Message, tag="put_back_documents"):
    """Undo a removal, at no cost. Answered by :class:`Documents` with those that are back."""

    paths: list[str]


class ListCollections(Message, tag="list_collections"):
    """Answered, like every change to a collection, by :class:`Collections`."""


class CreateCollection(Message, tag="create_collection"):
    name: str


class RenameCollection(Message, tag="rename_collection"):
    name: str
    new_name: str


class DeleteCollection(Message, tag="delete_collection"):
    """The documents in it stay in the library."""

    name: str


class Collect(Message, tag="collect"):
    """Put documents into a collection, made if it is new."""

    name: str
    paths: list[str]


class Uncollect(Message, tag="uncollect"):
    """Take documents out of a collection; they stay in the library."""

    name: str
    paths: list[str]


class ListWatched(Message, tag="list_watched"):
    """Answered, like :class:`Watch` and :class:`Unwatch`, by :class:`Watched`."""


class Watch(Message, tag="watch"):
    """Follow a folder: what is in it is indexed now, and what changes in it from then on (events with job 0)."""

    path: str
    collection: str | None = None


class Unwatch(Message, tag="unwatch"):
    """Follow a folder no more; its documents stay."""

    path: str


class BackUp(Message, tag="back_up"):
    """Write the whole library to one file. Progress: :class:`BackupProgress`. Final: :class:`BackedUp`."""

    path: str
    with_documents: bool = False


class RestoreBackup(Message, tag="restore_backup"):
    """Put a backup in the place of the library. Progress: :class:`BackupProgress`. Final: :class:`Restored`."""

    path: str


class Ask(Message, tag="ask"):
    """Progress: :class:`ModelLoading`, :class:`QuestionRewritten`, :class:`SourcesFound`, :class:`AnswerText`. Final:
    :class:`Answered`.

    Attributes:
        adapter: null for the one in use, ``"none"`` for the base model, or a path.
        conversation: the conversation that it goes on with; 0 begins one; null: it is kept in none.
        turn: the answer becomes a new version of this turn (asked again, or edited); null: a new turn at the end.
        searched: the full question to search for, as the person wrote it; null: a follow-up is made into one.
        exact: the answer is made of the documents' own sentences; null: as the settings say.
        assistant: name of the one that answers, "" for none.
    """

    question: str
    paths: list[str] | None = None
    collection: str | None = None
    adapter: str | None = None
    conversation: int | None = None
    turn: int | None = None
    searched: str | None = None
    exact: bool | None = None
    assistant: str = ""


class EstimateWhole(Message, tag="estimate_whole"):
    """How long :class:`ReadWhole` would take. Answered by :class:`WholeEstimated`."""

    paths: list[str]


class ReadWhole(Message, tag="read_whole"):
    """Summarise one document, or compare two, from all of their passages.

    Progress: :class:`ModelLoading`, :class:`WholeProgress`, :class:`AnswerText`. Final: :class:`Answered`.
    ``conversation`` and ``turn`` as in :class:`Ask`.
    """

    paths: list[str]
    conversation: int | None = None
    turn: int | None = None


class InspectAnswer(Message, tag="inspect_answer"):
    """Why the answer of a turn is as it is. Answered by :class:`AnswerInspected`. ``version`` 0: the newest."""

    turn: int
    version: int = 0


class ListConversations(Message, tag="list_conversations"):
    """All conversations, the last changed first; or those with all words of ``search``. With ``deleted`` those that can
    be put back.

    Answered, like every change to a conversation, by :class:`Conversations` (after a change: all of them).
    """

    search: str = ""
    deleted: bool = False


class OpenConversation(Message, tag="open_conversation"):
    """Answered by :class:`ConversationOpened`."""

    conversation: int


class OpenTurn(Message, tag="open_turn"):
    """An older (or the newest) version of a turn. Answered by :class:`TurnOpened`."""

    turn: int
    version: int


class RenameConversation(Message, tag="rename_conversation"):
    conversation: int
    title: str


class DeleteConversation(Message, tag="delete_conversation"):
    """It can be put back for a day, unless ``forever``."""

    conversation: int
    forever: bool = False


class PutBackConversation(Message, tag="put_back_conversation"):
    conversation: int


class KeepServerKey(Message, tag="keep_server_key"):
    """Keep the key of the answering server in the system's keyring; "" forgets it. Answered by :class:`Done`."""

    key: str


class SaveDiagnostics(Message, tag="save_diagnostics"):
    """Write versions, settings and timings to a file, no text of documents, questions or answers.

    Answered by :class:`Done`.
    """

    path: str


class OpenDocument(Message, tag="open_document"):
    """Open a document for viewing. Answered by :class:`DocumentOpened`."""

    path: str
    password: str | None = None
    keep_password: bool = False


class ReadPreview(Message, tag="read_preview"):
    """The text of a document that has no page images. Progress and final: :class:`PreviewText`."""

    path: str


class DrawPage(Message, tag="draw_page"):
    """Draw a page ``width`` pixels wide. Answered by :class:`PageDrawn`."""

    path: str
    page: int
    width: int


class LocateText(Message, tag="locate_text"):
    """Where ``length`` code points from ``start`` of a page's text are drawn. Answered by :class:`TextLocated`."""

    path: str
    page: int
    start: int
    length: int


class ReadPage(Message, tag="read_page"):
    """The text of a page and where its words are drawn. Answered by :class:`PageRead`."""

    path: str
    page: int


class FindText(Message, tag="find_text"):
    """Find ``text`` in a document, upper and lower case alike. Progress and final: :class:`TextFound`."""

    path: str
    text: str


class ListModels(Message, tag="list_models"):
    """Answered by :class:`Models`."""


class InspectModel(Message, tag="inspect_model"):
    """What a GGUF file's header says. Answered by :class:`ModelInspected`."""

    path: str


class UseModel(Message, tag="use_model"):
    """Choose the model that answers, ``""`` for the starter model; checked first. Answered by :class:`Models`."""

    path: str


class ListAdapters(Message, tag="list_adapters"):
    """Answered by :class:`Adapters`."""


class InspectAdapter(Message, tag="inspect_adapter"):
    """What an adapter file's header says. Answered by :class:`AdapterInspected`."""

    path: str


class UseAdapter(Message, tag="use_adapter"):
    """Choose the adapter (``""`` for none), its scale, on or off. No reload. Answered by :class:`Adapters`.

    ``anyway``: also where the model in use is not the file that the adapter was trained on; else that fails with
    ``adapter_other_base``.
    """

    path: str
    enabled: bool = True
    scale: float = 1.0
    anyway: bool = False


class ChangeSettings(Message, tag="change_settings"):
    """Change settings by key; all or none. Answered by :class:`SettingsChanged`."""

    values: dict[str, str | int | float | bool]


class Examine(Message, tag="examine"):
    """Versions, devices, state of the library. Answered by :class:`Examined`."""


Request = (
    Cancel
    | ListDocuments
    | IndexDocuments
    | PauseIndexing
    | StopIndexing
    | RemoveDocuments
    | PutBackDocuments
    | ListCollections
    | CreateCollection
    | RenameCollection
    | DeleteCollection
    | Collect
    | Uncollect
    | ListWatched
    | Watch
    | Unwatch
    | BackUp
    | RestoreBackup
    | Ask
    | EstimateWhole
    | ReadWhole
    | InspectAnswer
    | ListConversations
    | OpenConversation
    | OpenTurn
    | RenameConversation
    | DeleteConversation
    | PutBackConversation
    | SaveDiagnostics
    | KeepServerKey
    | OpenDocument
    | ReadPreview
    | DrawPage
    | LocateText
    | ReadPage
    | FindText
    | ListModels
    | InspectModel
    | UseModel
    | ListAdapters
    | InspectAdapter
    | UseAdapter
    | ChangeSettings
    | Examine
    | training.Approve
    | training.ListApprovals
    | training.ChangeApproval
    | training.DeleteApprovals
    | training.PutBackApprovals
    | training.ImportApprovals
    | training.ExportApprovals
    | training.ReadGuide
    | training.TrainAdapter
    | training.PauseTraining
    | training.ListTrainings
    | training.DiscardTraining
    | adapters.AddAdapter
    | adapters.RemoveAdapter
    | adapters.PutBackAdapter
    | adapters.LayAlso
    | adapters.ProbeAdapter
    | assistants.ListAssistants
    | assistants.SaveAssistant
    | assistants.DeleteAssistant
    | assistants.ImportAssistant
    | assistants.ExportAssistant
    | assistants.CheckFormat
    | assistants.FillTable
    | assistants.ReadTable
    | assistants.ExportTable
    | report.CheckAdapter
    | report.ReadReport
    | shelf.FindModels
    | shelf.AddModel
    | shelf.RemoveModel
    | shelf.PutBackModel
    | shelf.ListOffers
    | shelf.DownloadModel
    | shelf.DiscardDownload
)

# ---------------------------------------------------------------- events


class Ready(Message, tag="ready"):
    """The first event: the engine owns the library and takes requests. ``protocol`` must be :data:`PROTOCOL`."""

    protocol: int
    version: str


class Failed(Message, tag="failed"):
    """The job ended without a result. With job 0: the engine cannot work at all and ends."""

    code: str
    details: dict[str, Detail] = {}


class Noted(Message, tag="noted"):
    """With job 0: something that the person should know, as a code like that of :class:`Failed`; work goes on."""

    code: str
    details: dict[str, Detail] = {}


class Reembedding(Message, tag="reembedding"):
    """The library is being embedded anew with the embedding model that was chosen (job 0).

    ``done`` of ``total`` passages have a new vector; where they are equal, the new vectors are in use.
    """

    done: int
    total: int


class LibraryChanged(Message, tag="library_changed"):
    """With job 0: the ledger or the collections changed otherwise than by a job of the window; list them again."""


class Done(Message, tag="done"):
    """It is done, and there is nothing to tell."""


class IndexProgress(Message, tag="index_progress"):
    """How far indexing is. With job 0 (as :class:`DocumentDone` and :class:`Indexed`): work that the engine began by
    itself, for a watched folder or to go on with what was interrupted.

    Attributes:
        path, stage: the file in hand and what is done with it.
        pages_done, pages_total: of the file in hand; the total is 0 while unknown.
        files_done, files_total: of the job.
        pages_per_second: over the job so far.
        seconds_left: estimate for the job, null while there is no ground for one.
    """

    path: str
    stage: Stage
    pages_done: int = 0
    pages_total: int = 0
    files_done: int = 0
    files_total: int = 0
    pages_per_second: float | None = None
    seconds_left: float | None = None


class DocumentDone(Message, tag="document_done"):
    """One file of an indexing job has its outcome."""

    document: Document


class Indexed(Message, tag="indexed"):
    """An indexing job is done: every document that it touched."""

    documents: list[Document]
    seconds: float


class Documents(Message, tag="documents"):
    """Every document of the library, by path."""

    documents: list[Document]


class Removed(Message, tag="removed"):
    """The documents that were removed."""

    documents: list[Document]


class IndexingPaused(Message, tag="indexing_paused"):
    paused: bool


class Collections(Message, tag="collections"):
    """Every collection by name."""

    collections: list[Collection]


class Watched(Message, tag="watched"):
    """Every watched folder by path."""

    folders: list[WatchedFolder]


class BackupProgress(Message, tag="backup_progress"):
    """Bytes done, and in all as far as known."""

    done: int
    total: int


class BackedUp(Message, tag="backed_up"):
    """The file is written; ``size`` in bytes. ``left_out``: documents that could not be read."""

    path: str
    size: int
    documents: int
    left_out: list[str] = []


class Restored(Message, tag="restored"):
    """The library is what the backup holds; the one before it is kept in ``kept``, a folder."""

    documents: int
    kept: str


class ModelLoading(Message, tag="model_loading"):
    """The model is being loaded; ``fraction`` runs from 0 to 1."""

    name: str
    fraction: float


class QuestionRewritten(Message, tag="question_rewritten"):
    """A follow-up question was understood as this full one."""

    searched: str


class SourcesFound(Message, tag="sources_found"):
    """The passages that the answer will rest on; the model starts to read them."""

    hits: list[Hit]


class AnswerText(Message, tag="answer_text"):
    """A piece of the answer as it is written; ``thinking`` pieces are a reasoning model's notes, not the answer."""

    text: str
    thinking: bool = False


class Answered(Message, tag="answered"):
    """The answer is complete, or as complete as it was when ``stopped``.

    ``answer.answer`` may differ in spacing and markers from the streamed pieces; it is what is kept. ``turn`` and
    ``conversation`` are what
    it was kept as; null where it was kept in no conversation.
    """

    answer: Answer
    thinking: str = ""
    stopped: bool = False
    turn: Turn | None = None
    conversation: Conversation | None = None


class WholeEstimated(Message, tag="whole_estimated"):
    """``seconds`` as fast as the model in use was lately; null where that is not known yet.

    ``steps``: times that the model is asked.
    """

    passages: int
    steps: int
    seconds: float | None


class WholeProgress(Message, tag="whole_progress"):
    """``done`` of ``steps`` steps; ``seconds_left`` null until it is known."""

    done: int
    steps: int
    seconds_left: float | None = None


class AnswerInspected(Message, tag="answer_inspected"):
    turn: int
    inspection: Inspection


class Conversations(Message, tag="conversations"):
    conversations: list[Conversation]
    search: str = ""


class ConversationOpened(Message, tag="conversation_opened"):
    conversation: Conversation
    turns: list[Turn]


class TurnOpened(Message, tag="turn_opened"):
    turn: Turn


class DocumentOpened(Message, tag="document_opened"):
    """The document's pages. ``boxes`` is false where the text has no positions, so nothing can be highlighted.

    With ``preview`` there are no page images: ask :class:`ReadPreview` for the text; ``pages`` is empty then.
    """

    path: str
    pages: list[PageSize]
    boxes: bool = True
    preview: bool = False


class PreviewText(Message, tag="preview_text"):
    """Sections since the last such event of the job, in order; ``done`` marks the final one."""

    path: str
    sections: list[Section]
    done: bool = False


class PageDrawn(Message, tag="page_drawn"):
    """A page as PNG. ``width`` and ``height`` are its pixels, at most 6,000 each way."""

    path: str
    page: int
    width: int
    height: int
    png: bytes


class TextLocated(Message, tag="text_located"):
    """One box for each line that the text touches; empty where the page has no positions."""

    path: str
    page: int
    boxes: list[Box]


class PageRead(Message, tag="page_read"):
    path: str
    page: int
    text: str
    words: list[Word]


class TextFound(Message, tag="text_found"):
    """Matches since the last such event of the job; ``done`` marks the final one. ``pages_done`` of ``pages_total``."""

    path: str
    matches: list[Match]
    pages_done: int
    pages_total: int
    done: bool = False


class Models(Message, tag="models"):
    models: list[Model]


class ModelInspected(Message, tag="model_inspected"):
    model: Model


class Adapters(Message, tag="adapters"):
    adapters: list[Adapter]


class AdapterInspected(Message, tag="adapter_inspected"):
    adapter: Adapter


class SettingsChanged(Message, tag="settings_changed"):
    """Every setting with its value now."""

    values: dict[str, str | int | float | bool]


class Examined(Message, tag="examined"):
    """``report`` is the object that ``docent doctor --json`` prints; ``devices`` what llama.cpp can compute on, and
    ``backends`` in what ways it could."""

    report: dict[str, object]
    devices: list[Device]
    backends: list[Backend] = []


Event = (
    Ready
    | Failed
    | Noted
    | LibraryChanged
    | Reembedding
    | Done
    | IndexProgress
    | DocumentDone
    | Indexed
    | Documents
    | Removed
    | IndexingPaused
    | Collections
    | Watched
    | BackupProgress
    | BackedUp
    | Restored
    | ModelLoading
    | QuestionRewritten
    | SourcesFound
    | AnswerText
    | Answered
    | WholeEstimated
    | WholeProgress
    | AnswerInspected
    | Conversations
    | ConversationOpened
    | TurnOpened
    | DocumentOpened
    | PreviewText
    | PageDrawn
    | TextLocated
    | PageRead
    | TextFound
    | Models
    | ModelInspected
    | Adapters
    | AdapterInspected
    | SettingsChanged
    | Examined
    | training.Approved
    | training.Approvals
    | training.ApprovalsImported
    | training.Guided
    | training.TrainingProgress
    | training.AdapterTrained
    | training.Trainings
    | adapters.AdapterShelved
    | assistants.Assistants
    | assistants.FormatChecked
    | assistants.RowFilled
    | assistants.Table
    | report.ReportProgress
    | report.FormatReported
    | shelf.ModelsFound
    | shelf.ModelShelved
    | shelf.Offers
    | shelf.DownloadProgress
    | shelf.ModelDownloaded
)

_PROGRESS = (
    Ready,
    Noted,
    LibraryChanged,
    Reembedding,
    IndexProgress,
    DocumentDone,
    BackupProgress,
    ModelLoading,
    QuestionRewritten,
    SourcesFound,
    AnswerText,
    WholeProgress,
    training.TrainingProgress,
    assistants.RowFilled,
    report.ReportProgress,
    shelf.DownloadProgress,
)


def is_final(event: Event) -> bool:
    """Whether ``event`` is the last one of its job."""
    if isinstance(event, (TextFound, PreviewText)):
        return event.done
    return not isinstance(event, _PROGRESS)
