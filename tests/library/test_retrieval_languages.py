"""Keyword search finds passages in every script, and a hit's text is the page's own to the letter."""

from __future__ import annotations

import sqlite3
from importlib import resources
from pathlib import Path

import pytest

from assistant_app.library.catalog import Catalog
from assistant_app.library.keywords import words
from assistant_app.library.retrieval import is_latin
from tests.library.conftest import Library

pytestmark = pytest.mark.models

TEXTS = {
    "japanese": "当社の年次報告書では、売上高が三億円に達したと記載されている。猫の世話は別の章にある。",
    "chinese": "员工每年享有十五天带薪年假，未使用的假期可以结转到下一年。",
    "korean": "직원은 매년 십오일의 유급휴가를 받으며 남은 휴가는 이월됩니다.",
    "thai": "พนักงานมีสิทธิลาพักร้อนปีละสิบห้าวันและสามารถดื่มน้ำได้ฟรี",
    "hebrew": "הָעוֹבְדִים זַכָּאִים לַחֻפְשָׁה שְׁנָתִית בְּתַשְׁלוּם.",
    "arabic": "يحصل الموظفون على إجازةٍ سنويّةٍ مدفوعةِ الأجر في المدرسة.",
    "hindi": "कर्मचारियों को हर साल पंद्रह दिन की छुट्टी मिलती है।",
    "vietnamese": "Nhân viên được nghỉ phép mười lăm ngày mỗi năm, kể cả đường xa.",
    "german": "Die Straßenbahn fährt über die Brücke, und Mäntel bleiben an der Garderobe.",
    "turkish": "IŞIKLI tabela İstanbul'daki dükkânın kapısında asılıdır.",
    "full width": "ＡＢＣ－１２３号室の鍵はフロントにあります。",
    "english": "Employees may carry unused days over to the following spring.",
}
QUESTIONS = [
    ("売上高はいくらですか", "japanese"),
    ("猫", "japanese"),
    ("未使用的假期怎么办？", "chinese"),
    ("유급휴가는 며칠인가요?", "korean"),
    ("พนักงานลาพักร้อนได้กี่วัน", "thai"),
    ("น้ำ", "thai"),
    ("כמה ימי חופשה שנתית לעובדים", "hebrew"),
    ("שנתית", "hebrew"),
    ("שְׁנָתִית", "hebrew"),
    ("ما هي اجازة سنوية للموظفين", "arabic"),
    ("المدرسه", "arabic"),
    ("छुट्टी कितने दिन की है", "hindi"),
    ("nghi phep bao nhieu ngay", "vietnamese"),
    ("duong xa", "vietnamese"),
    ("Wo bleiben die Mantel?", "german"),
    ("STRASSENBAHN", "german"),
    ("ışıklı tabela", "turkish"),
    ("istanbul", "turkish"),
    ("ABC 123 の鍵", "full width"),
    ("unused days", "english"),
]


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory, embedder: object, readers: object) -> Library:
    folder = tmp_path_factory.mktemp("speaking")
    library = Library(folder / "library", embedder, readers)  # type: ignore[arg-type]
    paths = []
    for number, text in enumerate(TEXTS.values()):
        path = folder / f"{number:02}.txt"
        path.write_text(f"{text}\n", encoding="utf-8")
        paths.append(path)
    assert {outcome for outcome, _ in library.index(*paths).values()} == {"indexed"}
    return library


@pytest.mark.parametrize(("question", "language"), QUESTIONS)
def test_the_words_of_a_question_are_found(speaking: Library, question: str, language: str) -> None:
    found = speaking.retriever.search(question, 12)
    [best] = [hit for hit in found.hits if hit.keyword_rank == 1]
    assert Path(best.path).stem == f"{list(TEXTS).index(language):02}"
    assert best.text == TEXTS[language]
    held = speaking.catalog.page_text(best.path, best.section)
    assert held is not None
    assert held[0][best.start : best.start + best.length] == best.text
    if not is_latin(question):  # of these the built-in embedding model knows nothing
        assert found.hits[0] == best


def test_what_stands_nowhere_is_not_found(speaking: Library) -> None:
    for question in ("宇宙船", "ข้าวผัด", "מְכוֹנִית", "सागर"):
        assert not [hit for hit in speaking.retriever.search(question, 12).hits if hit.keyword_rank]


@pytest.mark.parametrize(
    ("text", "latin"),
    [
        ("Wie viel?", True),
        ("Việt", True),
        ("ＡＢＣ", True),
        ("猫", False),
        ("кот", False),
        ("חתול", False),
        ("12?", True),
    ],
)
def test_which_script(text: str, latin: bool) -> None:
    assert is_latin(text) is latin


def test_a_document_is_named_in_its_own_script(library: Library, tmp_path: Path) -> None:
    for name in ("年次報告書", "就業規則"):
        (tmp_path / f"{name}.txt").write_text("休暇は十五日です。\n" + name[0], encoding="utf-8")
    library.index(*tmp_path.glob("*.txt"))
    for name in ("年次報告書", "就業規則"):
        found = library.retriever.search(f"{name}によると休暇は何日ですか", 5)
        assert [Path(path).stem for path in found.named] == [name]
        assert Path(found.hits[0].path).stem == name


def test_an_older_library_is_indexed_anew(tmp_path: Path) -> None:
    """One that knew words by white space only; its names stay as they were embedded."""
    path = tmp_path / "library.sqlite3"
    db = sqlite3.connect(path)
    migrations = resources.files("assistant_app.library").joinpath("migrations")
    for name in ("0001_documents.sql", "0002_contents.sql", "0003_conversations.sql"):
        db.executescript(migrations.joinpath(name).read_text("utf-8"))
    text = TEXTS["japanese"]
    db.execute("INSERT INTO contents (id, complete) VALUES (3, 1)")
    db.execute("INSERT INTO pages (content_id, number, label, text) VALUES (3, 1, '1', ?)", (text,))
    db.execute("INSERT INTO passages (id, content_id, page, start, length) VALUES (9, 3, 1, 0, ?)", (len(text),))
    db.execute(
        "INSERT INTO passage_words (rowid, document_name, heading, text) VALUES (9, '年次報告', 'Año', ?)", (text,)
    )
    db.execute("PRAGMA user_version = 3")
    db.commit()
    db.close()
    catalog = Catalog(path)
    try:
        for question in ("売上高", "猫", "年次報告", "ano"):
            assert catalog.matching(words(question), 5)[0][0] == 9, question
        assert catalog.embedded([9])[9][1] == "年次報告"
    finally:
        catalog.close()
