"""What holds for the whole house: its floors, its words, its settings, its folders, its sample document."""

from __future__ import annotations

import errno
import os
import pkgutil
import re
import sqlite3
import stat
import string
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import get_type_hints

import pypdfium2
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pypdf import PdfReader

import assistant_app
from assistant_app import paths, settings, words
from assistant_app.errors import Code, DocentError, is_disk_full
from assistant_app.paths import Paths
from assistant_app.settings import DECLARATIONS, Declaration, Settings, Value, checked

ROOT = Path(__file__).resolve().parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="the modes and limits of POSIX systems")


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, cwd=ROOT
    )


def modules() -> list[str]:
    names = [found.name for found in pkgutil.walk_packages(assistant_app.__path__, "assistant_app.")]
    return [name for name in names if not name.endswith(".__main__")]


# ---------------------------------------------------------------- the floors


def test_the_import_contracts_hold() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(command), "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


BLOCK_AND_IMPORT = """
    import importlib, sys
    blocked, *names = sys.argv[1:]

    class Block:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in blocked.split(","):
                raise ImportError(f"{name} is blocked")

    sys.meta_path.insert(0, Block())
    for name in names:
        importlib.import_module(name)
"""


def test_nothing_outside_the_window_needs_qt() -> None:
    names = [name for name in modules() if not name.startswith("assistant_app.gui")]
    assert "assistant_app.protocol.messages" in names
    done = run_python(BLOCK_AND_IMPORT, "PySide6,shiboken6", *names)
    assert done.returncode == 0, done.stderr


def test_the_window_imports_nothing_heavy() -> None:
    names = [name for name in modules() if name.startswith("assistant_app.gui")]
    assert "assistant_app.gui.engine_link" in names
    heavy = "torch,chromadb,llama_cpp,transformers,sentence_transformers,pypdfium2,pypdf,numpy,sqlite3"
    done = run_python(BLOCK_AND_IMPORT, heavy, *names)
    assert done.returncode == 0, done.stderr


def test_the_block_does_block() -> None:
    done = run_python(BLOCK_AND_IMPORT, "PySide6", "assistant_app.gui.engine_link")
    assert done.returncode != 0
    assert "PySide6 is blocked" in done.stderr or "PySide6.QtCore is blocked" in done.stderr


# ---------------------------------------------------------------- words and errors


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_sentence(code: Code) -> None:
    template = words.SENTENCES[code]
    assert template.endswith((".", "”."))
    for _, field, specification, conversion in string.Formatter().parse(template):
        assert field is None or re.fullmatch("[a-z_]+", field), template
        assert not specification
        assert not conversion
    assert "{" not in words.sentence(code), "a fact that is missing must not break the sentence"


def test_a_sentence_names_its_facts() -> None:
    said = words.sentence("file_missing", {"path": "/letters/may {2}.pdf"})
    assert said == "“may {2}.pdf” is not there any more. Put it back, or remove it from the library."
    assert "“?”" in words.sentence("file_missing")
    assert "from_the_future" in words.sentence("from_the_future", {"path": "x"})
    translated = words.sentence("page_out_of_range", {"name": "a", "page": 7}, "Seite {page} fehlt in {name}.")
    assert translated == "Seite 7 fehlt in a."


def test_an_error_carries_its_code_and_its_facts() -> None:
    error = DocentError(Code.MODEL_TOO_LARGE, needed_gib=9.5, path="/m.gguf")
    assert (error.code, error.details) == ("model_too_large", {"needed_gib": 9.5, "path": "/m.gguf"})
    assert str(error) == "model_too_large (needed_gib=9.5, path=/m.gguf)"
    assert str(DocentError(Code.CANCELLED)) == "cancelled"


def test_a_full_disk_is_recognised_however_it_is_said() -> None:
    assert is_disk_full(OSError(errno.ENOSPC, "x"))
    assert is_disk_full(sqlite3.OperationalError("database or disk is full"))
    assert is_disk_full(RuntimeError("error returned from database: (code: 13) database or disk is full"))
    assert not is_disk_full(OSError(errno.EACCES, "x"))
    assert not is_disk_full(sqlite3.OperationalError("database is locked"))


# ---------------------------------------------------------------- settings


def allowed(declared: Declaration) -> st.SearchStrategy[Value]:
    default = declared.default
    if declared.choices:
        return st.sampled_from(declared.choices)
    if isinstance(default, bool):
        return st.booleans()
    if isinstance(default, int):
        return st.integers(int(declared.minimum), int(declared.maximum))
    if isinstance(default, float):
        return st.floats(declared.minimum, declared.maximum)
    if declared.pattern:
        return st.from_regex(declared.pattern, fullmatch=True, alphabet=st.characters(exclude_categories=["Cs"]))
    return st.text(st.characters(exclude_categories=["Cs"]))


def refusal(key: str, value: object) -> Code:
    with pytest.raises(DocentError) as caught:
        checked(key, value)
    return caught.value.code


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


def test_declarations_are_whole() -> None:
    assert len({declared.key for declared in DECLARATIONS}) == len(DECLARATIONS)
    for declared in DECLARATIONS:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", declared.key)
        assert declared.help.endswith(".")
        assert checked(declared.key, declared.default) == declared.default
        if isinstance(declared.default, (int, float)) and not isinstance(declared.default, bool):
            assert declared.minimum > float("-inf"), f"{declared.key} has no lower limit"
            assert declared.maximum < float("inf"), f"{declared.key} has no upper limit"


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values=st.fixed_dictionaries({}, optional={declared.key: allowed(declared) for declared in DECLARATIONS}))
def test_settings_come_back_as_they_were_written(values: dict[str, Value], file: Path) -> None:
    file.unlink(missing_ok=True)
    Settings(file).update(values)
    again = Settings(file)
    assert again.problems == []
    assert {key: again[key] for key in values} == values
    assert all(again[d.key] == d.default for d in DECLARATIONS if d.key not in values)


def test_only_what_differs_from_the_default_is_in_the_file(file: Path) -> None:
    Settings(file).update({"model.threads": 3, "answer.passages": 6})
    assert tomllib.loads(file.read_text()) == {"model": {"threads": 3}}
    Settings(file).update({"model.threads": 0})
    assert tomllib.loads(file.read_text()) == {}


def test_what_is_not_declared_or_not_allowed_is_refused(file: Path) -> None:
    assert refusal("model.colour", "red") == "setting_unknown"
    for key, value in (
        ("model.threads", "3"),
        ("model.threads", True),
        ("model.threads", 2.0),
        ("model.threads", -1),
        ("model.threads", 513),
        ("model.device", "tpu"),
        ("model.path", 7),
        ("adapter.enabled", 1),
        ("adapter.scale", 4.01),
        ("adapter.scale", float("nan")),
        ("answer.temperature", float("inf")),
        ("answer.temperature", None),
    ):
        assert refusal(key, value) == "setting_invalid", (key, value)
    assert checked("adapter.scale", 2) == 2.0
    with pytest.raises(DocentError):
        Settings(file).update({"model.threads": 3, "answer.passages": 0})
    assert not file.exists(), "all or none"


def test_a_file_with_mistakes_keeps_what_is_good(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('top = 1\n[model]\nthreads = 3\ndevice = "tpu"\n[answer]\npassages = {a = 1}\nnew = 2\n')
    read = Settings(file)
    assert read.integer("model.threads") == 3
    assert read.text("model.device") == "auto"
    codes = sorted((problem.code.value, problem.details["key"]) for problem in read.problems)
    assert codes == [
        ("setting_invalid", "answer.passages"),
        ("setting_invalid", "model.device"),
        ("setting_unknown", "answer.new"),
        ("setting_unknown", "top"),
    ]


@pytest.mark.parametrize("content", [b"[model\n", b"\xff\xfe\x00", b"threads = = 3"])
def test_a_damaged_file_is_kept_beside(content: bytes, file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(content)
    damaged = Settings(file)
    assert [problem.code for problem in damaged.problems] == [Code.SETTINGS_DAMAGED]
    assert damaged.as_dict() == {declared.key: declared.default for declared in DECLARATIONS}
    assert file.read_bytes() == content, "reading changes nothing"
    damaged.update({"model.threads": 3})
    assert file.with_suffix(".damaged").read_bytes() == content
    assert Settings(file).integer("model.threads") == 3
    assert Settings(file).problems == []


def test_what_another_process_wrote_meanwhile_is_kept(file: Path) -> None:
    mine, theirs = Settings(file), Settings(file)
    theirs.update({"model.threads": 3})
    mine.update({"answer.passages": 9})
    assert (mine["model.threads"], mine["answer.passages"]) == (3, 9)
    theirs.reload()
    assert theirs["answer.passages"] == 9


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from assistant_app.errors import DocentError
    from assistant_app.settings import Settings
    read = Settings(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
    try:
        read.update({"model.path": "/models/" + "x" * 5000})
    except DocentError as error:
        print(error.code, read.integer("model.threads"), repr(read.text("model.path")))
"""


@POSIX
def test_a_full_disk_leaves_the_old_settings(file: Path) -> None:
    Settings(file).update({"model.threads": 3})
    before = file.read_bytes()
    done = run_python(FULL_DISK, str(file))
    assert done.stdout == "disk_full 3 ''\n", done.stderr
    assert file.read_bytes() == before
    assert os.listdir(file.parent) == [file.name], "nothing half-written stays"


def test_the_settings_file_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file, not a folder")
    with pytest.raises(DocentError) as caught:
        Settings(tmp_path / "config" / "settings.toml").update({"model.threads": 3})
    assert caught.value.code == Code.LIBRARY_UNWRITABLE


# ---------------------------------------------------------------- folders


def test_the_home_that_is_named_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = Paths.resolve(tmp_path / "named")
    assert named.library == tmp_path / "named" / "library"
    assert named.settings == tmp_path / "named" / "settings.toml"
    assert Paths.resolve().data == tmp_path / "home", "DOCENT_HOME"
    monkeypatch.delenv("DOCENT_HOME")
    if sys.platform.startswith("linux"):
        assert Paths.resolve().data == tmp_path / "user" / "docent"
    assert not (tmp_path / "named").exists(), "nothing is made before it is asked for"


@POSIX
def test_the_folders_are_private_to_their_owner(tmp_path: Path) -> None:
    home = Paths.resolve(tmp_path / "a" / "b")
    home.library.mkdir(parents=True, mode=0o755)
    old = os.umask(0)
    try:
        home.create()
        home.create()
    finally:
        os.umask(old)
    for folder in (home.data, home.config, home.library, home.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DocentError) as caught:
        Paths.resolve(tmp_path / "file" / "home").create()
    assert caught.value.code == Code.LIBRARY_UNWRITABLE
    assert str(tmp_path / "file" / "home") in str(caught.value.details["path"])


# ---------------------------------------------------------------- the sample document

GUIDE = paths.resources() / "sample" / "docent-guide.pdf"


def test_the_sample_document_is_what_its_script_makes(tmp_path: Path) -> None:
    made = tmp_path / "guide.pdf"
    script = GUIDE.with_name("make_guide.py")
    subprocess.run([sys.executable, str(script), str(made)], check=True, capture_output=True)
    assert made.read_bytes() == GUIDE.read_bytes(), "run resources/sample/make_guide.py and commit what it makes"


def test_the_sample_document_reads_well() -> None:
    reader = PdfReader(GUIDE)
    assert 4 <= len(reader.pages) <= 6
    assert reader.page_labels == [str(number) for number in range(1, len(reader.pages) + 1)]
    headings = [entry.title for entry in reader.outline if not isinstance(entry, list)]
    assert len(headings) > 8
    pdf = pypdfium2.PdfDocument(GUIDE)
    text = "\n".join(page.get_textpage().get_text_bounded() for page in pdf)
    pdf.close()
    for heading in headings:
        assert text.count(str(heading)) >= 2, f"{heading} stands in the contents and above its section"
    assert not re.search(r"[\ufffd■]|\. \. \.", text), "a character without a glyph, or dots that search would find"


# ---------------------------------------------------------------- types


def test_settings_values_have_the_types_that_the_protocol_carries() -> None:
    from assistant_app.protocol.messages import ChangeSettings

    assert get_type_hints(ChangeSettings)["values"] == dict[str, settings.Value]
