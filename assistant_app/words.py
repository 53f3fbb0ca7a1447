"""A sentence for every error code: what happened, and what to do about it.

Only the edges read this: the window translates these sentences, the command line prints them. Each names facts in
braces; the facts come from ``DocentError.details``. A fact that is missing reads "?".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from assistant_app.errors import Code, Detail
from assistant_app.protocol.report import FEWEST, Advice, FormatReport, WayName

SENTENCES: dict[Code, str] = {
    Code.FILE_MISSING: "“{name}” is not there any more. Put it back, or remove it from the library.",
    Code.FILE_UNREADABLE: "“{name}” may not be read. Give yourself permission to read it, then try again.",
    Code.FOLDER_UNREADABLE: "The folder “{name}” may not be opened. Give yourself permission to open it, then try again.",
    Code.FOLDER_WITHOUT_DOCUMENTS: "There is no document that Docent can read in the folder “{name}”.",
    Code.FILE_EMPTY: "“{name}” is empty: it has no bytes. Get it again from where it came from.",
    Code.FILE_NAME_UNSUPPORTED: "The name of “{name}” is not valid UTF-8. Rename the file, then add it again.",
    Code.FILE_VANISHED: "“{name}” vanished or changed while it was read. Add it again.",
    Code.NOT_A_PDF: "“{name}” is no document that Docent can read, whatever its name says. Docent reads PDF, DOCX, PPTX, EPUB, HTML, Markdown and plain text.",
    Code.PDF_DAMAGED: "“{name}” is damaged and could not be repaired. Get it again from where it came from.",
    Code.PDF_WITHOUT_PAGES: "“{name}” has no pages.",
    Code.PASSWORD_NEEDED: "“{name}” is protected by a password. Enter it to add the document.",
    Code.PASSWORD_WRONG: "The password does not open “{name}”. Try another one.",
    Code.ENCRYPTION_UNSUPPORTED: "“{name}” is encrypted in a way that Docent cannot open. Save it without encryption.",
    Code.NO_TEXT: "No text was found in “{name}”: its pages are empty, or pictures that nobody could read.",
    Code.SOME_PAGES_WITHOUT_TEXT: "{count} of the {pages} pages of “{name}” have no text; the others can be searched.",
    Code.SOME_PAGES_UNREADABLE: "{count} of the {pages} pages of “{name}” could not be read; the others can be searched.",
    Code.TOO_LARGE: "“{name}” is too large for Docent ({limit}).",
    Code.READER_TIMEOUT: "“{name}” took longer than {seconds} seconds to read and was stopped. It may be damaged.",
    Code.READER_MEMORY: "“{name}” needs more memory to read than a document may have and was stopped. It may be damaged.",
    Code.READER_CRASHED: "“{name}” made the PDF reader crash; nothing else was affected. It may be damaged.",
    Code.PAGE_OUT_OF_RANGE: "“{name}” has no page {page}.",
    Code.DOCUMENT_UNKNOWN: "“{name}” is not in the library.",
    Code.DOCUMENT_DAMAGED: "“{name}” is damaged or not what its name says, and could not be read. Get it again from where it came from.",
    Code.DOCUMENT_CHANGED: "“{name}” changed or was removed while it was read as a whole. Start again.",
    Code.ENGINE_KILLER: "“{name}” ended the engine twice while it was read, and is left alone. It may be damaged.",
    Code.LIBRARY_IN_USE: "The library is open in another Docent. Close that one, or use it.",
    Code.LIBRARY_DAMAGED: "The library's file is damaged ({path}). Start Docent again: it takes its newest automatic copy. Where there is none, move that file away, and restore a backup.",
    Code.LIBRARY_NEWER: "The library was written by a newer Docent. Update this one to open it.",
    Code.LIBRARY_EMPTY: "There is no document to look in yet. Add one first.",
    Code.LIBRARY_UNWRITABLE: "Docent may not write to “{path}”. Give yourself permission to write there, or choose another folder with --home.",
    Code.LIBRARY_RESTORED: "The library's file was damaged. It was restored from the automatic backup of {date}; the damaged one is kept ({kept}).",
    Code.COLLECTION_EXISTS: "There is a collection named “{collection}” already.",
    Code.COLLECTION_NAME_INVALID: "A collection needs a name of 1 to 100 characters.",
    Code.WATCHED_UNKNOWN: "The folder “{name}” is not watched.",
    Code.WATCHED_MISSING: "The watched folder “{name}” is out of reach. Its documents stay in the library; they are followed again when it is back.",
    Code.WATCHED_OVERLAPS: "The folder “{name}” is inside a watched folder, or has one inside it ({other}).",
    Code.KEYRING_UNAVAILABLE: "The system's keyring could not be used ({said}), so the password was not kept. The document itself is open.",
    Code.BACKUP_INVALID: "“{name}” is not a backup of Docent, or is damaged. The library was left as it is.",
    Code.BACKUP_NEWER: "The backup “{name}” was written by a newer Docent. Update this one to restore it.",
    Code.BACKUP_UNWRITABLE: "The backup could not be written to “{path}”. Choose another place.",
    Code.VECTOR_SERVER_UNREACHABLE: "The Chroma server at {address} does not answer. Start it, or empty the setting “Chroma server”. Nothing is lost.",
    Code.VECTOR_SERVER_REFUSED: "The Chroma server at {address} refused the request ({said}). Nothing is lost.",
    Code.COLLECTION_UNKNOWN: "There is no collection named “{collection}”.",
    Code.DISK_FULL: "The disk is full. Nothing that was there is lost; make room, then try again.",
    Code.EMBEDDER_MISSING: "The embedding model is not installed. Install Docent again.",
    Code.EMBEDDER_DAMAGED: "The embedding model's file is not the published one. Install Docent again.",
    Code.EMBEDDER_UNUSABLE: "The folder “{path}” holds no embedding model that can be loaded: it takes a sentence-transformers model with its weights in safetensors. Choose another folder in the settings, or none for the built-in model.",
    Code.RERANKER_UNUSABLE: "The folder “{path}” holds no reranker that can be loaded: it takes a sentence-transformers CrossEncoder with one score and its weights in safetensors. Choose another folder in the settings, or none.",
    Code.MODEL_MISSING: "The model file “{path}” is not there. Choose another model in the settings.",
    Code.MODEL_UNREADABLE: "The model file “{name}” may not be read. Give yourself permission to read it.",
    Code.MODEL_NOT_GGUF: "“{name}” is not a GGUF file. Docent runs models in the GGUF format.",
    Code.MODEL_TRUNCATED: "“{name}” is cut off: at least {missing_bytes} bytes are missing. Download it again.",
    Code.MODEL_DAMAGED: "“{name}” is damaged: its header makes no sense. Download it again.",
    Code.MODEL_ARCHITECTURE_UNKNOWN: "“{name}” has the architecture “{architecture}”, which this llama.cpp does not know. Choose another model, or update Docent.",
    Code.MODEL_IS_ADAPTER: "“{name}” is an adapter, not a model. Choose it on the adapters page.",
    Code.MODEL_CANNOT_CHAT: "“{name}” cannot answer questions: it is not a chat model. Choose an “instruct” or “chat” model.",
    Code.MODEL_TOO_LARGE: "“{name}” needs about {needed_gib} GiB of memory and this computer has {available_gib} GiB. Choose a smaller model, a stronger quantisation, or a shorter context.",
    Code.MODEL_PART_MISSING: "“{name}” is one part of a split model, and the part “{part}” is missing beside it. Put all {parts} parts into one folder.",
    Code.MODEL_SHIPPED: "The starter model comes with Docent and cannot be removed.",
    Code.MODEL_NOT_ADDED: "“{name}” cannot be removed: it was never added or downloaded, and its file belongs to another program or lies elsewhere. If it is in use, choose another model.",
    Code.MODEL_LOAD_FAILED: "“{name}” could not be loaded: llama.cpp said “{said}”.",
    Code.GPU_FULL: "“{name}” does not fit the graphics processor ({said}) and runs on the processor, which is slower. A smaller model or a shorter context may fit.",
    Code.CONTEXT_TOO_SMALL: "The question does not fit: it needs {needed} tokens and the context length is {context}. Raise the context length in the settings, or ask a shorter question.",
    Code.GENERATION_FAILED: "The model stopped with an error ({said}). Ask again; if it returns, choose another model.",
    Code.GRAMMAR_REFUSED: "llama.cpp cannot hold an answer to this format ({said}). Make the format simpler, or let it only be validated.",
    Code.SCHEMA_INVALID: "The schema is not valid ({said}).",
    Code.SCHEMA_UNSUPPORTED: "A grammar cannot hold this part of the schema: {what}, at {place}. Take it out or say it in another way.",
    Code.LABELS_INVALID: "Give two to {most} different labels, each on one line and without spaces at its ends.",
    Code.TEMPLATE_INVALID: "A template needs one to {most} different slots, each a name in curly brackets, with text between them.",
    Code.ASSISTANT_UNKNOWN: "There is no assistant named “{name}”.",
    Code.ASSISTANT_INVALID: "{path} is no assistant that Docent can use ({said}).",
    Code.ASSISTANT_NAME_TAKEN: "There is an assistant named “{name}” already. Choose another name.",
    Code.ASSISTANT_SHIPPED: "“{name}” comes with Docent and stays as it is. Duplicate it and change the copy.",
    Code.QUESTIONS_EMPTY: "There is nothing to ask for the report. Ask or approve some answers first, or name a file of questions.",
    Code.TABLE_EMPTY: "There are no documents to ask. Add some, or choose another collection.",
    Code.DOWNLOAD_NAME_INVALID: "“{repo}” with the file “{file}” is no model on the hub: it takes OWNER/NAME and the name of a file that ends in .gguf.",
    Code.DOWNLOAD_UNKNOWN: "There is no model named “{model}” to download. Choose one of the list, or give OWNER/NAME and the name of a file.",
    Code.DOWNLOAD_BUSY: "“{file}” is being downloaded. Wait until it is done, or pause it first.",
    Code.DOWNLOAD_UNREACHABLE: "{address} cannot be reached. Check the connection and the setting “Download from”, then try again.",
    Code.DOWNLOAD_NOT_FOUND: "{address} has no file “{file}” in “{repo}” that anybody may download. Check the names.",
    Code.DOWNLOAD_GATED: "“{repo}” is given only to people with an account who accepted its licence. Download it from {address}/{repo} in a browser, then choose the file.",
    Code.DOWNLOAD_REFUSED: "{address} refused the download (status {status}). Try again later; what is there is kept.",
    Code.DOWNLOAD_MISSPOKE: "{address} does not say what “{file}” is as the Hugging Face hub does: without a checksum nothing is downloaded. Check the setting “Download from”.",
    Code.DOWNLOAD_CUT: "The connection to {address} broke off. What is there is kept; go on when it is back.",
    Code.DOWNLOAD_DAMAGED: "“{file}” came damaged from {address}: its checksum or its length is wrong, and it was thrown away. Download it again, or from another address.",
    Code.DOWNLOAD_NO_SPACE: "There is not enough room on the disk: the download needs {needed_gb} GB, and {free_gb} GB are free. Make room, or choose a smaller model.",
    Code.DOWNLOAD_FAILED: "The download ended with an error ({said}). What is there is kept; try again.",
    Code.MODEL_SERVER_UNREACHABLE: "The answering server at {address} does not answer. Start it, or empty the setting “Answering server”.",
    Code.MODEL_SERVER_SLOW: "The answering server at {address} said nothing for {seconds} seconds. Ask again later, or empty the setting “Answering server”.",
    Code.MODEL_SERVER_REFUSED: "The answering server at {address} refused the request ({said}). Check its key and the name of the model in the settings.",
    Code.MODEL_SERVER_MISSPOKE: "What answers at {address} does not speak as an OpenAI-compatible server does ({said}). Check the address in the settings; it often ends in /v1.",
    Code.SERVER_KEY_NOT_KEPT: "The system's keyring could not be used ({said}), so the key is known only until Docent ends.",
    Code.ADAPTER_NOT_ON_SERVER: "An adapter cannot be laid over a model that runs on a server. Empty the setting “Answering server”, or ask without the adapter.",
    Code.ADAPTER_OTHER_BASE: "The adapter “{name}” was trained on another model than the one in use, though it fits ({base}). Its answers may be worse than without it. Choose the model it was trained on, or use it all the same: on the page “Adapters” of the settings, or with --anyway.",
    Code.ADAPTER_ENDED_ENGINE: "The engine ended while the adapter “{name}” was being laid over the model, and now does without it. Choose another adapter, or get this one again from where it came from.",
    Code.ADAPTER_FOLDER_UNSUPPORTED: "“{name}” is no adapter folder that can be converted ({said}). It takes adapter_config.json and adapter_model.safetensors, as PEFT writes them, of a plain LoRA.",
    Code.ADAPTER_NOT_OWN: "“{name}” is not on the shelf of your own adapters: it comes with Docent, or lies elsewhere. Only your own can be removed.",
    Code.ADAPTER_MISSING: "The adapter file “{path}” is not there. Choose another adapter in the settings.",
    Code.ADAPTER_UNREADABLE: "The adapter file “{name}” may not be read. Give yourself permission to read it.",
    Code.ADAPTER_NOT_GGUF: "“{name}” is not a GGUF file. Docent loads LoRA adapters in the GGUF format.",
    Code.ADAPTER_NOT_LORA: "“{name}” is a GGUF file but not a LoRA adapter.",
    Code.ADAPTER_TRUNCATED: "The adapter “{name}” is cut off: at least {missing_bytes} bytes are missing. Download it again.",
    Code.ADAPTER_DAMAGED: "The adapter “{name}” is damaged: its header makes no sense. Download it again.",
    Code.ADAPTER_WRONG_ARCHITECTURE: "The adapter “{name}” is for the architecture “{adapter_architecture}”; the model is “{model_architecture}”. Choose the model it was trained on.",
    Code.ADAPTER_WRONG_BASE: "The adapter “{name}” was trained on another model: its tensor “{tensor}” does not fit. Choose the model it was trained on.",
    Code.ADAPTER_LOAD_FAILED: "The adapter “{name}” could not be loaded: llama.cpp said “{said}”.",
    Code.APPROVAL_UNKNOWN: "This example is not there any more.",
    Code.APPROVAL_REFUSED: "This answer cannot become an example: Docent keeps only answers to questions, with the passages that they rest on. Ask again if it is an old one.",
    Code.EXAMPLES_MISSING: "The file “{path}” is not there. Choose another one.",
    Code.EXAMPLES_UNREADABLE: "“{name}” may not be read, or is no file. Give yourself permission to read it, or choose another one.",
    Code.EXAMPLES_INVALID: "Line {line} of “{name}” is no example that Docent can read ({said}). Nothing was imported.",
    Code.EXAMPLES_TOO_MANY: "That is more than Docent takes: at most {most} examples, {limit} in all. Choose a smaller file, or throw examples out first.",
    Code.EXAMPLES_EMPTY: "There is no example for “{name}”: the file is empty, or no approval counts yet.",
    Code.EXAMPLES_TOO_FEW: "{count} examples count, and a training needs at least {needed}. Approve more answers, or import some.",
    Code.EXAMPLE_TOO_LONG: "Example {example} does not fit into a training: it has {tokens} tokens, and {most} is the most. Shorten it, or throw it out.",
    Code.TRAINING_NOT_INSTALLED: "Training needs libraries that are not installed: {install} adds them.",
    Code.TRAINING_UNSUPPORTED: "An adapter cannot be trained on this model: its architecture or the way it is stored is not supported. Choose another model in the settings.",
    Code.TRAINING_NO_MEMORY: "There is not enough memory to train on this model: it needs about {needed_gib} GiB, and {free_gib} GiB are free. Close other programs, or choose a smaller model; what was learnt until the last checkpoint is kept.",
    Code.TRAINING_FAILED: "The training ended with an error ({said}). What was learnt until the last checkpoint is kept; try again.",
    Code.TRAINING_UNKNOWN: "There is no training named “{name}” any more. Begin a new one.",
    Code.TRAINING_BUSY: "The adapter “{name}” is being trained. Wait until it is done, or stop it first.",
    Code.TRAINING_NAME_INVALID: "The name of an adapter has 1 to 60 letters, digits, spaces, “-” and “_”.",
    Code.SETTING_UNKNOWN: "There is no setting named “{key}”.",
    Code.SETTING_INVALID: "“{value}” is not allowed for the setting “{key}”; the default is used.",
    Code.SETTINGS_DAMAGED: "The settings file could not be read ({path}); the defaults are used, and the file is kept.",
    Code.QUESTION_EMPTY: "The question is empty.",
    Code.BATCH_INVALID: "Line {line} of the batch file is not an object with “id” and “question”.",
    Code.CONVERSATION_UNKNOWN: "This conversation is not there any more. Begin a new one.",
    Code.WHOLE_NEEDS_DOCUMENTS: "Choose one document to summarise, or two to compare.",
    Code.FILE_UNWRITABLE: "“{path}” could not be written. Choose another place.",
    Code.ENGINE_DIED: "The engine stopped unexpectedly and was started again. Your documents are safe; ask again if an answer was under way.",
    Code.ENGINE_MISSPOKE: "The engine answered something that makes no sense and was started again ({said}). Please report this.",
    Code.CANCELLED: "Stopped.",
    Code.INTERNAL: "Something went wrong inside Docent ({said}). Nothing is lost; please report this with the log file.",
}

BACKENDS: dict[str, str] = {
    "": "{name}: can be used ({devices}).",
    "no_device": "{name}: llama.cpp has it, but found no device for it. Install the driver of the graphics processor, if there is one.",
    "not_built": "{name}: this build of llama.cpp does not have it. This adds it: {install}",
    "frozen": "{name}: this installation does not have it. Docent installed with pip, as the README says, can have it.",
    "not_here": "{name}: does not exist on this system.",
}
"""Whether llama.cpp can compute in one of its ways, by the reason why not."""

_WITHOUT_OCR: dict[tuple[str, object], str] = {
    (
        Code.NO_TEXT,
        "missing",
    ): "“{name}” is scanned: install OCR (text recognition) as the README says, then read it again.",
    (Code.NO_TEXT, "off"): "“{name}” is scanned, and text recognition (OCR) is switched off in the settings.",
    (
        Code.SOME_PAGES_WITHOUT_TEXT,
        "missing",
    ): "{count} of the {pages} pages of “{name}” are scanned: install OCR (text recognition) as the README says. The others can be searched.",
    (
        Code.SOME_PAGES_WITHOUT_TEXT,
        "off",
    ): "{count} of the {pages} pages of “{name}” are scanned, and text recognition (OCR) is switched off in the settings. The others can be searched.",
}
"""Instead of the sentences above where the detail ``ocr`` says so."""


_OLDER = " What was read of its older version stays searchable."


class _Facts(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return "?"


def backend_sentence(
    name: str, why: str, devices: Sequence[str], install: str, templates: Mapping[str, str] = BACKENDS
) -> str:
    """Whether llama.cpp can compute in the way ``name``, else why not and what adds it.

    Args:
        templates: a translation of :data:`BACKENDS`.
    """
    template = templates.get(why, templates["not_built"])
    return template.format(name=name, devices=", ".join(devices), install=install)


def sentence(code: str, details: Mapping[str, Detail] | None = None, template: str | None = None) -> str:
    """The sentence for ``code`` with the facts of ``details`` in it.

    Args:
        code: an error code; an unknown one (from a newer engine) gets the general sentence.
        details: the facts; ``{name}`` is made of ``path`` where it is not given.
        template: a translation of the sentence, to be used instead of the English one.
    """
    facts = _Facts(details or {})
    if "path" in facts and "name" not in facts:
        facts["name"] = PurePath(str(facts["path"])).name
    if code not in SENTENCES:
        facts["said"] = code
        code = Code.INTERNAL
    template = template or _WITHOUT_OCR.get((code, facts.get("ocr"))) or SENTENCES[Code(code)]
    return template.format_map(facts) + (_OLDER if facts.get("older") else "")


ADVICE: dict[Advice, str] = {
    "too_few": f"These are too few questions to advise anything: ask at least {FEWEST}.",
    "instructions": "Instructions alone give {valid} valid answers: you need neither a grammar nor an adapter.",
    "grammar": "Instructions with a grammar give {valid} valid answers: you do not need an adapter.",
    "adapter": "The adapter earns its place: {valid} valid answers, better than the best way without it.",
    "adapter_grammar": "The adapter with a grammar earns its place: {valid} valid answers, better than without it.",
}
"""What a format report advises."""

WAYS: dict[WayName, str] = {
    "instructions": "Instructions only",
    "grammar": "Grammar",
    "adapter": "Adapter",
    "adapter_grammar": "Adapter + grammar",
}


def advice(report: FormatReport) -> str:
    """What a format report advises, as a sentence."""
    chosen = next((way for way in report.ways if way.way == report.advice), None)
    share = "" if chosen is None else f"{chosen.valid / max(chosen.asked, 1):.0%}".replace("%", " %")
    return ADVICE[report.advice].format(valid=share)


def report_as_markdown(report: FormatReport) -> str:
    """A format report as a document of its own."""
    assistant = f", assistant “{report.assistant}”" if report.assistant else ""
    asked = report.ways[0].asked if report.ways else 0
    lines = [
        f"# Format report: {report.adapter}",
        "",
        f"Base {report.base}; format {report.format}{assistant}; {asked} questions, {report.approved} with an approved"
        f" answer; {report.made_at}.",
        "",
        "| way | valid | 95 % interval | agreement | tokens | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for way in report.ways:
        agreement = "–" if way.agreement is None else f"{way.agreement:.2f} ({way.compared})"
        lines.append(
            f"| {WAYS[way.way]} | {way.valid} of {way.asked} | {way.low:.2f} to {way.high:.2f} | {agreement} | "
            f"{way.tokens:.0f} | {way.seconds:.1f} |"
        )
    hashes = f"Adapter SHA-256 {report.adapter_hash}, base SHA-256 {report.base_hash}."
    return "\n".join([*lines, "", advice(report), "", hashes, ""])
