"""The things that both sides know: documents, hits, citations, answers, models, adapters.

They are plain values (msgspec structs). Pages are 1-based everywhere. ``start`` and ``length`` count Unicode code
points in a page's text, as ``documents/pdf.py`` gives it. Fields that the command-line contract names keep the
contract's names.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from assistant_app.errors import Detail

DocumentStatus = Literal["indexed", "unchanged", "partial", "skipped", "failed", "missing"]
GivenBy = Literal["model", "search"]
Stage = Literal["waiting", "reading", "embedding"]
Kind = Literal["pdf", "docx", "pptx", "epub", "html", "markdown", "text"]
"""What a file is by its content. All but ``pdf`` are shown as a plain preview; ``pdf`` and ``pptx`` have pages."""

WatchState = Literal["watching", "missing", "unreadable"]
Fate = Literal["kept", "joined", "same_page", "duplicate", "lower", "no_room"]
"""What became of a candidate: given to the model; joined to a kept neighbour; another passage stands for its page; says
what a
better one says; ranked below those that were wanted; kept by the search, but left out because the context is full."""
TurnKind = Literal["question", "summary", "comparison"]
Format = Literal["text", "record", "schema", "labels", "template"]
"""The shape of an answer: free text with ``[n]`` marks, Docent's own record (see ``answering/formats.py``), JSON by a
schema, one label of several, a text with slots (see :class:`OutputFormat`)."""


class Record(msgspec.Struct, kw_only=True):
    """Base of all records: named fields only. Treated as values: never changed after they are made."""


class Document(Record):
    """One file that was ever offered to the library, and what became of it.

    Attributes:
        path: absolute path of the file.
        status: ``unchanged`` is only ever the outcome of indexing a file again; the ledger says ``indexed``.
        reason: an error code, null only for ``indexed`` and ``unchanged``.
        details: the facts that the reason's sentence names.
        pages: pages of the file (0 where it could not be opened, 1 where its kind has no pages).
        passages: passages that can be found by search.
        seconds: time that reading and embedding took.
        size: bytes.
        collections: names of the collections that hold it.
        kind: null where that is not known.
        empty_pages: pages without text; ``failed_pages``: pages that could not be read; ``recognised_pages``: pages
            whose text comes from text recognition (OCR).
        indexed_at: when it got this status, UTC, as ``2026-01-31T12:00:00.000Z``; "" where it never did.
        removed_at: when it was removed, null while it is in the library; it can be put back for a while.
        title, author: as the file itself names them; "" where it does not.
    """

    path: str
    status: DocumentStatus
    reason: str | None = None
    pages: int = 0
    passages: int = 0
    seconds: float = 0.0
    size: int = 0
    collections: list[str] = []
    details: dict[str, Detail] = {}
    kind: Kind | None = None
    empty_pages: int = 0
    failed_pages: int = 0
    recognised_pages: int = 0
    indexed_at: str = ""
    removed_at: str | None = None
    title: str = ""
    author: str = ""


class Collection(Record):
    """A named set of documents; a document may be in several. ``documents`` counts those in the library."""

    name: str
    documents: int


class WatchedFolder(Record):
    """A folder whose additions, changes and deletions the library follows.

    Attributes:
        collection: what is found in it is put in there too; null: in none.
        state: ``missing`` where it is out of reach (an unplugged drive): then nothing of it is deleted.
        documents: how many of its documents the library holds.
    """

    path: str
    collection: str | None = None
    state: WatchState = "watching"
    documents: int = 0


class Heading(Record):
    """A heading: ``length`` code points from ``start`` of its page's or section's text; level 1 is the highest."""

    start: int
    length: int
    level: int


class Section(Record):
    """A piece of a document as its plain preview shows it.

    Attributes:
        page: the page (a slide), null where the kind of file has no pages.
        label: the heading, or the slide's number.
        start: code points of the document before it. What a citation without a page calls ``start`` counts from the
            document's first character; with a page, from the section's first.
        headings: where the headings stand in ``text``.
    """

    page: int | None
    label: str
    start: int
    text: str
    headings: list[Heading] = []


class Hit(Record):
    """A passage that search found; ``text == page_text[start:start + length]``.

    Attributes:
        rank: 1 is the best.
        page: null where the kind of file has no pages: then ``start`` counts in the text of the whole document.
        page_label: the label printed on the page ("iv", "A-3"), or the page number.
        score: the fused score; only its order means something.
        heading: the headings above it, outermost first, joined by " › "; "" where there are none.
        table_header: the header row of the table that it is a part of, where that stands in another passage.
        section: the piece of the document that it stands in, counted from 1; the page where there are pages.
        similarity: cosine between question and passage, -1 to 1; null when only the keywords found it.
        vector_rank, keyword_rank: its rank in each list, null where that list does not hold it.
    """

    rank: int
    path: str
    page: int | None
    page_label: str
    score: float
    text: str
    start: int
    length: int
    vector_rank: int | None = None
    keyword_rank: int | None = None
    similarity: float | None = None
    heading: str = ""
    table_header: str = ""
    section: int = 1


class Citation(Record):
    """A sentence of a page that stands behind a sentence of the answer.

    Attributes:
        number: the ``[n]`` in the answer.
        quote: ``page_text[start:start + length]``.
        verified: the quote stands in the page and the citing sentence's numbers and names stand in the quote.
        given_by: ``model`` where the model cited it, ``search`` where it cited nothing and the library looked.
    """

    number: int
    path: str
    page: int | None
    quote: str
    start: int
    length: int
    verified: bool
    given_by: GivenBy
    page_label: str = ""


class OutputFormat(Record):
    """The shape that answers are to have.

    Attributes:
        kind: which of the following attributes says it.
        schema: JSON Schema, as text.
        labels: the answer is one of them.
        template: text with slots, each ``{name}`` once; a slot takes the rest of its line at most.
        grammar: the model can write nothing else; ``check``: an answer is marked where it is not in the format.
    """

    kind: Format = "text"
    schema: str = ""
    labels: list[str] = []
    template: str = ""
    grammar: bool = True
    check: bool = True


class AnswerValue(Record):
    """A value of a structured answer.

    Attributes:
        name: of the field, the slot or, of nested fields, all names joined by " › "; "label" of a label.
        text: as it is shown; "" where the documents do not say.
        citation: number of the citation behind it, null where no quote supports it.
    """

    name: str
    text: str
    citation: int | None = None


class AnswerAdapter(Record):
    """An adapter that was laid over the model while it wrote an answer.

    Attributes:
        file: its file's name without the ending, as :attr:`Answer.adapter` has it.
        name: its own, as the shelf shows it.
        version: as its card says, 1 where it has none.
        scale: how strongly it acted: 1 is as it was trained.
    """

    file: str
    name: str
    version: int = 1
    scale: float = 1.0


class TokenCounts(Record):
    prompt: int = 0
    completion: int = 0


class AnswerTimes(Record):
    """Milliseconds. ``first_token`` and ``total`` count from the question."""

    retrieve: float = 0.0
    first_token: float | None = None
    total: float = 0.0


class Answer(Record):
    """The outcome of ``ask``, field by field as the command-line contract has it.

    ``unsupported`` holds the answer's sentences that no quote supports, ``nearest`` the best hits where nothing was
    found, ``left_out`` the sources that did not fit into the context. Beyond the contract: ``searched`` is the question
    as it was searched for, where that is another one than was asked; ``general`` marks an answer from the model's own
    knowledge, ``exact`` one that is made of the documents' own sentences; ``server`` is the address of the server that
    wrote it, "" for the model in this process; ``valid`` is false for an answer that is not in its ``format``, and
    ``problem`` says where and why; ``values`` are a structured answer's; ``assistant`` is the name of the one that was
    asked, "" for none; ``adapters`` are those that ``adapter`` names, with their scales (in older answers there are
    none).
    """

    question: str
    answer: str
    found: bool
    citations: list[Citation] = []
    unsupported: list[str] = []
    nearest: list[Hit] = []
    left_out: list[Hit] = []
    model: str = ""
    adapter: str | None = None
    tokens: TokenCounts = msgspec.field(default_factory=TokenCounts)
    milliseconds: AnswerTimes = msgspec.field(default_factory=AnswerTimes)
    searched: str = ""
    general: bool = False
    exact: bool = False
    server: str = ""
    format: Format = "text"
    valid: bool = True
    problem: str = ""
    values: list[AnswerValue] = []
    assistant: str = ""
    adapters: list[AnswerAdapter] = []


class Candidate(Record):
    """A passage that a search looked at, for the inspector.

    Attributes:
        text: its beginning, at most 300 code points.
        vector_rank, keyword_rank: its rank in each list; ``fused_rank`` after reciprocal rank fusion; ``page_rank``
        that of its
            page, after pages were gathered; ``reranker_rank`` the reranker's, where one is set. Null: not in that
            stage.
        similarity: cosine between question and passage.
    """

    path: str
    page: int | None
    page_label: str
    section: int
    start: int
    length: int
    text: str
    fate: Fate
    heading: str = ""
    vector_rank: int | None = None
    keyword_rank: int | None = None
    fused_rank: int | None = None
    page_rank: int | None = None
    reranker_rank: int | None = None
    similarity: float | None = None


class Budget(Record):
    """How the context window was shared out, in tokens of the model that answered.

    ``instructions``, ``sources``, ``history`` and ``question`` make up the prompt; ``answer`` is what was kept free for
    the answer.
    """

    context: int
    instructions: int
    sources: int
    question: int
    answer: int
    history: int = 0


class Inspection(Record):
    """Why an answer is as it is.

    Attributes:
        question: as it was asked; ``searched``: as it was searched for.
        named: paths of the documents that the question names, to which the search was narrowed.
        words: the words that the keyword index was asked for.
        candidates: by fused rank.
        prompt: exactly what the model was given, with the template's markers; "" where no model was asked.
        sources: what the model was given, in the prompt's order.
        budget: null where no model was asked.
        milliseconds: by stage, in the order in which they ran.
        format, instructions: what was wanted of the answer besides Docent's own instructions.
    """

    question: str
    searched: str
    named: list[str] = []
    words: list[str] = []
    candidates: list[Candidate] = []
    prompt: str = ""
    sources: list[Hit] = []
    budget: Budget | None = None
    milliseconds: dict[str, float] = {}
    format: OutputFormat | None = None
    instructions: str = ""


class Turn(Record):
    """A question of a conversation, with its answer.

    Attributes:
        kind: what was asked for; a summary and a comparison name their documents in ``paths``.
        searched: the question as it was searched for, "" where it is the question itself.
        paths, collection: where the answer was looked for; both null: everywhere.
        answer: as it was given, whole.
        thinking: a reasoning model's notes; ``stopped``: it was stopped before its end.
        asked_at: UTC, as ``2026-01-31T12:00:00.000Z``.
        version, versions: asked again or edited, a turn gets another version (the last is the newest); this is number
            ``version`` of them, counted from 1.
        approved: the answer was approved as it stood, or corrected, "" for neither.
    """

    id: int
    question: str
    answer: Answer
    kind: TurnKind = "question"
    searched: str = ""
    paths: list[str] | None = None
    collection: str | None = None
    thinking: str = ""
    stopped: bool = False
    asked_at: str = ""
    version: int = 1
    versions: int = 1
    approved: Literal["", "answer", "edited"] = ""


class Conversation(Record):
    """A conversation in the list: its title (the first question, unless renamed), and where a search found its words.

    ``changed_at`` is UTC; ``excerpt`` is the piece of a question or answer in which the searched words stand, ""
    without a search.
    """

    id: int
    title: str
    turns: int
    changed_at: str
    excerpt: str = ""


class Model(Record):
    """A GGUF file, as its header describes it.

    Attributes:
        quantisation: the file type ("Q4_K - Medium", "F16", ...), "unknown" where the header does not say.
        context_length: tokens the model was trained for.
        memory_bytes: estimate for loading it with the current context length: weights, keys and values, buffers.
        starter: the small model that comes with Docent.
        in_use: the one that answers now.
        parts: number of files of a split model.
        fits: the estimate is within the memory of this computer.
        place: the program that keeps it ("LM Studio", "Ollama", ...), "" for Docent itself.
        removal: what goes where it is removed: the ``file``, in Docent's own folder; its line in the ``list``, where it
            was added; "" where it cannot be removed.
    """

    path: str
    name: str
    architecture: str
    size: int
    quantisation: str
    context_length: int
    layers: int
    parameters: int = 0
    memory_bytes: int = 0
    parts: int = 1
    fits: bool = True
    place: str = ""
    starter: bool = False
    in_use: bool = False
    removal: Literal["", "list", "file"] = ""


class Figures(Record):
    """What was measured on held-out examples, each a share from 0 to 1; null where nothing could be measured.

    Attributes:
        examples: how many were asked.
        valid: answers in their format.
        f1: mean token F1 with the approved answer (SQuAD's normalisation), over the answerable.
        exact: answers whose words are the approved ones.
        cited: answerable questions whose answer cites the right source.
        refused: unanswerable questions that were refused.
        wrongly_refused: answerable ones that were.
        seconds: median time of an answer.
    """

    examples: int
    valid: float | None = None
    f1: float | None = None
    exact: float | None = None
    cited: float | None = None
    refused: float | None = None
    wrongly_refused: float | None = None
    seconds: float | None = None


class AdapterCard(Record):
    """What is known of a trained adapter; kept beside its GGUF file as JSON.

    Attributes:
        name, version: the file is ``name.gguf`` for version 1, else ``name-vN.gguf``.
        adapter_hash, base_hash, data_hash: SHA-256 of the files and of the examples.
        format: the format of its answers.
        agreement: share of tokens that llama.cpp with the exported adapter and PyTorch with the trained one choose
            alike under teacher forcing; ``base_agreement`` the same without any adapter. Null: not measured.
        base, adapter: figures on the held-out examples, without and with the adapter.
        better: it beats the base there.
        made_at: UTC.
        licence: of the adapter: what its data asks for, "" where the person's own answers are its data.
        data_licence: sources of the data and their licences, in words.
        source: where the file came from, where it was not trained here.
        extracts: it learnt to answer with words of a source and the source's number only, and is held to that.
    """

    name: str
    version: int
    format: Format
    base_name: str
    base_hash: str
    architecture: str
    adapter_hash: str
    data_hash: str
    examples: int
    held_out: int
    settings: dict[str, float | int]
    base: Figures
    adapter: Figures
    better: bool
    agreement: float | None = None
    base_agreement: float | None = None
    made_at: str = ""
    seconds: float = 0.0
    licence: str = ""
    data: str = ""
    data_licence: str = ""
    about: str = ""
    source: str = ""
    extracts: bool = False


class Probe(Record):
    """Whether an adapter does anything, shown with a fixed prompt.

    Attributes:
        difference: the greatest between the scores (logits) that the model gives any token with the adapter and without
            it; null where they are no numbers any more, so that the adapter cannot be used.
        acts: it is more than rounding makes.
    """

    difference: float | None
    acts: bool


class Adapter(Record):
    """A LoRA adapter in a GGUF file.

    Attributes:
        rank: of its low-rank matrices; alpha / rank is multiplied with the scale.
        tensors: number of tensors of the base that it changes.
        fits: whether its tensors fit the model in use; null where that was not compared.
        in_use: chosen and switched on.
        default: the one that is used with this model unless another, or none, was chosen.
        card: what is known of its training; null where there is no card beside it, or one of another file.
        own: it lies in Docent's own folder, and can be removed there.
        same_base: whether the model in use is, by its hash, the file that the adapter was trained on; null where the
            card does not say, or the model's hash was not computed yet.
        also: the scale with which it is laid besides the one in use; null where it is not.
        probe: null where it was not tried over the model in use.
    """

    path: str
    name: str
    architecture: str
    size: int
    rank: int
    alpha: float
    tensors: int
    task: str = ""
    prompt_prefix: str = ""
    fits: bool | None = None
    in_use: bool = False
    default: bool = False
    card: AdapterCard | None = None
    own: bool = False
    same_base: bool | None = None
    also: float | None = None
    probe: Probe | None = None


class Device(Record):
    """Something that llama.cpp can compute on: ``kind`` is cpu, gpu or accelerator.

    ``memory_bytes`` is its whole memory, ``free_bytes`` what is free of it now; 0 where that is unknown. ``backend`` is
    the part of llama.cpp that drives it ("CPU", "CUDA", ...).
    """

    name: str
    description: str
    kind: str
    memory_bytes: int = 0
    free_bytes: int = 0
    backend: str = ""


class Backend(Record):
    """One of the ways to compute that llama.cpp has: CPU, Metal, CUDA, Vulkan.

    Attributes:
        devices: what it can compute on here, by name; empty where it is of no use.
        why: empty where it is of use; ``not_built``: this build of llama.cpp does not have it; ``frozen``: nor can this
            installation of Docent get it; ``no_device``: it found nothing to compute on, or no driver for it;
            ``not_here``: it does not exist on this system.
        install: the command that adds it, where it is ``not_built``.
    """

    name: str
    devices: list[str] = []
    why: str = ""
    install: str = ""


class Box(Record):
    """A rectangle on a page as it is displayed (rotation applied), in fractions of its width and height.

    The origin is the top left corner.
    """

    left: float
    top: float
    right: float
    bottom: float


class PageSize(Record):
    """Width and height of a page as displayed, in points (1/72 inch), and its printed label."""

    width: float
    height: float
    label: str


class Word(Record):
    """A run of characters without white space, and where it is drawn; for selecting and copying text."""

    start: int
    length: int
    box: Box


class Match(Record):
    """One place where a searched text stands."""

    page: int
    start: int
    length: int
    boxes: list[Box]
