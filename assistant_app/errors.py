"""Codes and exceptions that may reach a person.

Below the edge an error is a code and the facts that belong to it; the sentence a person reads is made at the
edge, from ``words.py``. A code is part of the command-line contract (``reason`` in the ``--json`` output), so an
existing one is never renamed.
"""

from __future__ import annotations

import errno
from enum import StrEnum


class Code(StrEnum):
    """Every reason that Docent gives to a person or a script."""

    # A document
    FILE_MISSING = "file_missing"
    FILE_UNREADABLE = "file_unreadable"
    FOLDER_UNREADABLE = "folder_unreadable"
    FOLDER_WITHOUT_DOCUMENTS = "folder_without_documents"
    FILE_EMPTY = "file_empty"
    FILE_NAME_UNSUPPORTED = "file_name_unsupported"
    FILE_VANISHED = "file_vanished"
    NOT_A_PDF = "not_a_pdf"
    PDF_DAMAGED = "pdf_damaged"
    PDF_WITHOUT_PAGES = "pdf_without_pages"
    PASSWORD_NEEDED = "password_needed"
    PASSWORD_WRONG = "password_wrong"
    ENCRYPTION_UNSUPPORTED = "encryption_unsupported"
    NO_TEXT = "no_text"
    SOME_PAGES_WITHOUT_TEXT = "some_pages_without_text"
    SOME_PAGES_UNREADABLE = "some_pages_unreadable"
    TOO_LARGE = "too_large"
    READER_TIMEOUT = "reader_timeout"
    READER_MEMORY = "reader_memory"
    READER_CRASHED = "reader_crashed"
    PAGE_OUT_OF_RANGE = "page_out_of_range"
    DOCUMENT_UNKNOWN = "document_unknown"
    DOCUMENT_DAMAGED = "document_damaged"
    DOCUMENT_CHANGED = "document_changed"
    ENGINE_KILLER = "engine_killer"

    # The library
    LIBRARY_IN_USE = "library_in_use"
    LIBRARY_DAMAGED = "library_damaged"
    LIBRARY_NEWER = "library_newer"
    LIBRARY_EMPTY = "library_empty"
    LIBRARY_UNWRITABLE = "library_unwritable"
    LIBRARY_RESTORED = "library_restored"
    COLLECTION_UNKNOWN = "collection_unknown"
    COLLECTION_EXISTS = "collection_exists"
    COLLECTION_NAME_INVALID = "collection_name_invalid"
    WATCHED_UNKNOWN = "watched_unknown"
    WATCHED_MISSING = "watched_missing"
    WATCHED_OVERLAPS = "watched_overlaps"
    KEYRING_UNAVAILABLE = "keyring_unavailable"
    BACKUP_INVALID = "backup_invalid"
    BACKUP_NEWER = "backup_newer"
    BACKUP_UNWRITABLE = "backup_unwritable"
    VECTOR_SERVER_UNREACHABLE = "vector_server_unreachable"
    VECTOR_SERVER_REFUSED = "vector_server_refused"
    DISK_FULL = "disk_full"

    # The embedding model
    EMBEDDER_MISSING = "embedder_missing"
    EMBEDDER_DAMAGED = "embedder_damaged"
    EMBEDDER_UNUSABLE = "embedder_unusable"
    RERANKER_UNUSABLE = "reranker_unusable"

    # The language model
    MODEL_MISSING = "model_missing"
    MODEL_UNREADABLE = "model_unreadable"
    MODEL_NOT_GGUF = "model_not_gguf"
    MODEL_TRUNCATED = "model_truncated"
    MODEL_DAMAGED = "model_damaged"
    MODEL_ARCHITECTURE_UNKNOWN = "model_architecture_unknown"
    MODEL_IS_ADAPTER = "model_is_adapter"
    MODEL_CANNOT_CHAT = "model_cannot_chat"
    MODEL_TOO_LARGE = "model_too_large"
    MODEL_PART_MISSING = "model_part_missing"
    MODEL_SHIPPED = "model_shipped"
    MODEL_NOT_ADDED = "model_not_added"
    MODEL_LOAD_FAILED = "model_load_failed"
    GPU_FULL = "gpu_full"
    CONTEXT_TOO_SMALL = "context_too_small"
    GENERATION_FAILED = "generation_failed"
    GRAMMAR_REFUSED = "grammar_refused"
    SCHEMA_INVALID = "schema_invalid"
    SCHEMA_UNSUPPORTED = "schema_unsupported"
    LABELS_INVALID = "labels_invalid"
    TEMPLATE_INVALID = "template_invalid"
    ASSISTANT_UNKNOWN = "assistant_unknown"
    ASSISTANT_INVALID = "assistant_invalid"
    ASSISTANT_NAME_TAKEN = "assistant_name_taken"
    ASSISTANT_SHIPPED = "assistant_shipped"
    TABLE_EMPTY = "table_empty"
    QUESTIONS_EMPTY = "questions_empty"
    DOWNLOAD_NAME_INVALID = "download_name_invalid"
    DOWNLOAD_UNKNOWN = "download_unknown"
    DOWNLOAD_BUSY = "download_busy"
    DOWNLOAD_UNREACHABLE = "download_unreachable"
    DOWNLOAD_NOT_FOUND = "download_not_found"
    DOWNLOAD_GATED = "download_gated"
    DOWNLOAD_REFUSED = "download_refused"
    DOWNLOAD_MISSPOKE = "download_misspoke"
    DOWNLOAD_CUT = "download_cut"
    DOWNLOAD_DAMAGED = "download_damaged"
    DOWNLOAD_NO_SPACE = "download_no_space"
    DOWNLOAD_FAILED = "download_failed"
    MODEL_SERVER_UNREACHABLE = "model_server_unreachable"
    MODEL_SERVER_SLOW = "model_server_slow"
    MODEL_SERVER_REFUSED = "model_server_refused"
    MODEL_SERVER_MISSPOKE = "model_server_misspoke"
    SERVER_KEY_NOT_KEPT = "server_key_not_kept"

    # The adapter
    ADAPTER_MISSING = "adapter_missing"
    ADAPTER_UNREADABLE = "adapter_unreadable"
    ADAPTER_NOT_GGUF = "adapter_not_gguf"
    ADAPTER_NOT_LORA = "adapter_not_lora"
    ADAPTER_TRUNCATED = "adapter_truncated"
    ADAPTER_DAMAGED = "adapter_damaged"
    ADAPTER_WRONG_ARCHITECTURE = "adapter_wrong_architecture"
    ADAPTER_WRONG_BASE = "adapter_wrong_base"
    ADAPTER_LOAD_FAILED = "adapter_load_failed"
    ADAPTER_NOT_ON_SERVER = "adapter_not_on_server"
    ADAPTER_OTHER_BASE = "adapter_other_base"
    ADAPTER_ENDED_ENGINE = "adapter_ended_engine"
    ADAPTER_FOLDER_UNSUPPORTED = "adapter_folder_unsupported"
    ADAPTER_NOT_OWN = "adapter_not_own"

    # Training
    APPROVAL_UNKNOWN = "approval_unknown"
    APPROVAL_REFUSED = "approval_refused"
    EXAMPLES_MISSING = "examples_missing"
    EXAMPLES_UNREADABLE = "examples_unreadable"
    EXAMPLES_INVALID = "examples_invalid"
    EXAMPLES_TOO_MANY = "examples_too_many"
    EXAMPLES_EMPTY = "examples_empty"
    EXAMPLES_TOO_FEW = "examples_too_few"
    EXAMPLE_TOO_LONG = "example_too_long"
    TRAINING_NOT_INSTALLED = "training_not_installed"
    TRAINING_UNSUPPORTED = "training_unsupported"
    TRAINING_NO_MEMORY = "training_no_memory"
    TRAINING_FAILED = "training_failed"
    TRAINING_UNKNOWN = "training_unknown"
    TRAINING_BUSY = "training_busy"
    TRAINING_NAME_INVALID = "training_name_invalid"

    # Settings and requests
    SETTING_UNKNOWN = "setting_unknown"
    SETTING_INVALID = "setting_invalid"
    SETTINGS_DAMAGED = "settings_damaged"
    QUESTION_EMPTY = "question_empty"
    BATCH_INVALID = "batch_invalid"
    CONVERSATION_UNKNOWN = "conversation_unknown"
    WHOLE_NEEDS_DOCUMENTS = "whole_needs_documents"
    FILE_UNWRITABLE = "file_unwritable"

    # The engine
    ENGINE_DIED = "engine_died"
    ENGINE_MISSPOKE = "engine_misspoke"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


Detail = str | int | float | None


class DocentError(Exception):
    """A failure that a person can be told about.

    Attributes:
        code: which failure it is.
        details: the facts that its sentence names (``path``, ``needed_bytes``, ...); plain JSON values only, never
            text of a document.
    """

    def __init__(self, code: Code, **details: Detail) -> None:
        super().__init__(code.value)
        self.code = code
        self.details: dict[str, Detail] = details

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value}" for key, value in self.details.items())
        return f"{self.code.value} ({facts})" if facts else self.code.value


_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}
# SQLite names a quota or a file-size limit no more precisely than as a failed write (SQLITE_IOERR_WRITE, 778).
_DISK_FULL_WORDS = ("disk is full", "no space left", "(code: 13)", "(code: 778)", "file too large", "quota exceeded")


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that no more can be written: no space, over quota, or over a file-size limit.

    SQLite and Chroma report a full disk in words, not as an ``OSError``; both are recognised.
    """
    if isinstance(error, OSError) and error.errno in _DISK_FULL_ERRNOS:
        return True
    if getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
        return True
    said = str(error).lower()
    return any(words in said for words in _DISK_FULL_WORDS)
