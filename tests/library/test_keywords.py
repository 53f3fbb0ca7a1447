"""Words have one form in the index and in a question, whatever the script."""

from __future__ import annotations

import re
import sqlite3
from importlib import resources

import pytest

from assistant_app.library.keywords import ALONE, fold, indexed, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Plan costs $1,250 (QX-7731)", "the plan costs 1 250 qx 7731"),
        ("Café NAÏVE", "cafe naive"),
        ("Việt Nam, Đường", "viet nam duong"),
        ("Straße ÜBER", "strasse uber"),
        ("ＦＵＬＬ　ｗｉｄｔｈ １２３ ﬁle", "full width 123 file"),
        ("İSTANBUL'da ısı", "istanbul da isi"),
        ("שָׁלוֹם", "שלום"),
        ("كِتَابٌ أحمد مدرسة", "كتاب احمد مدرسه"),
        ("ﻛﺘﺎﺏ", "كتاب"),  # presentation forms, as a PDF may hold them
        ("हिन्दी में", "हिन्दी में"),
        ("soft\u00adhy\u200bphen", "softhyphen"),
        ("年次報告", "年次 次報 報告 告"),
        ("第3章", "第 3 章"),
        ("ﾊﾟｿｺﾝ", "パソ ソコ コン ン"),  # half width, its mark on its own
        ("รับน้ำ", "รับ บน้ํ น้ํา า"),
        ("한국어 검색", "한국 국어 어 검색 색"),
        ("", ""),
        ("—…!", ""),
    ],
)
def test_what_stands_in_the_index(text: str, expected: str) -> None:
    assert indexed(text) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Which plan, which cost?", ["which", "plan", "which", "cost"]),
        ("年次報告は?", ["年次", "次報", "報告", "告は"]),
        ("猫 and dog", ["猫" + ALONE, "and", "dog"]),
        ("", []),
    ],
)
def test_the_words_of_a_question(question: str, expected: list[str]) -> None:
    assert words(question) == expected


@pytest.mark.parametrize("text", ["Straße", "İ", "ǅ", "ﬃ", "Å", "각", "ữ", "أ", "\ufb2c"])
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text) == fold(fold(text).upper()) or not text.isascii()


def test_the_tokenizer_takes_words_as_they_are() -> None:
    """What SQLite makes of a prepared text are the very words: no mark ends one."""
    db = sqlite3.connect(":memory:")
    script = resources.files("assistant_app.library").joinpath("migrations", "0004_search.sql").read_text("utf-8")
    [tokenizer] = re.findall('tokenize = "[^"]+"', script)
    db.execute(f"CREATE VIRTUAL TABLE w USING fts5 (t, {tokenizer})")
    db.execute("CREATE VIRTUAL TABLE v USING fts5vocab (w, 'row')")
    prepared = indexed("हिन्दी में น้ำดื่ม 年次報告 đường ʼn कृपया தமிழ் ខ្មែរ မြန်မာ")
    db.execute("INSERT INTO w VALUES (?)", (prepared,))
    assert {word for (word,) in db.execute("SELECT term FROM v")} == set(prepared.split())
    db.close()
