"""Cutting a document: nothing is lost, what belongs together stays together, a passage knows where it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant_app.documents.cutting import HEAD_TOKENS, CutPage, Piece, cut, embedded_text, searchable
from assistant_app.documents.heading_path import LONGEST
from assistant_app.documents.passages import LONGEST_TOKEN, TOKENS
from assistant_app.documents.reader_protocol import OutlineEntry, PageText, Table
from assistant_app.documents.running_lines import NEIGHBOURS
from assistant_app.library.embedder import Embedder
from assistant_app.protocol.records import Heading
from tests.documents.test_passages import tokenised

BODY = [
    "The plan pays for care that is needed, and members pay the rest of it.",
    "A referral is asked for by most of the clinics in the valley.",
    "Claims are sent in within ninety days after the day of treatment.",
    "Nobody pays more than the maximum in any one calendar year.",
    "Letters to the office are answered in the order in which they came.",
    "Glasses are paid for every second year, frames not included.",
    "A journey to a hospital abroad is agreed on before it is made.",
]


def pages_of(texts: Sequence[str], **more: object) -> list[PageText]:
    """The pages of a PDF with these texts."""
    return [
        PageText(page=number, label=str(number), text=text, pages=len(texts), **more)  # type: ignore[arg-type]
        for number, text in enumerate(texts, start=1)
    ]


def cut_texts(texts: Sequence[str], **more: object) -> list[CutPage]:
    return list(cut(pages_of(texts, **more), tokenised))


def said(page: CutPage) -> list[str]:
    return [searchable(page.page.text[piece.start : piece.start + piece.length]) for piece in page.pieces]


def gone(page: CutPage) -> list[tuple[str, str]]:
    """What is left out but for white space, and why."""
    spans = [(page.page.text[out.start : out.start + out.length], out.why) for out in page.left_out]
    return [(text.strip(), why) for text, why in spans if why != "space"]


# ---------------------------------------------------------------- whatever a reader says

LINES = (
    "Header",
    "Page 3 of 9",
    "3",
    "• one",
    "A sentence. Another one",
    "word " * 30,
    "a\u00adb",
    "\ufffd",
    "",
    " ",
    "1 2 3",
    "Ünï. 中文。",
)


@st.composite
def documents(draw: st.DrawFn) -> list[PageText]:
    """Pages with headings and tables anywhere; some pages are alike, as headers make them."""
    count = draw(st.integers(1, 12))
    alike = draw(st.booleans())
    pages: list[PageText] = []
    for number in range(1, count + 1):
        lines = draw(st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=20)), max_size=8))
        text = "\n".join(["Annual report", *lines, str(number)] if alike else lines)
        cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
        spans = [(start, end - start) for start, end in pairwise(cuts)]
        headings = (
            [
                Heading(start=start, length=length, level=draw(st.integers(1, 30)))
                for start, length in draw(st.lists(st.sampled_from(spans), unique=True))
            ]
            if spans
            else []
        )
        tables = [Table(rows=spans[:3], header_rows=draw(st.integers(0, 2)), header=draw(st.sampled_from(["", "A B"])))]
        outline = [
            OutlineEntry(title=draw(st.sampled_from(LINES)), level=1 + level, page=1 + level) for level in range(3)
        ]
        pages.append(
            PageText(
                page=number,
                label=draw(st.sampled_from(["iv", str(number), "A-1"])),
                text=text,
                pages=count,
                headings=sorted(headings, key=lambda heading: heading.start),
                tables=tables if spans and draw(st.booleans()) else [],
                outline=outline if number == 1 and draw(st.booleans()) else [],
                paged=count != 7,
            )
        )
    return pages


@given(documents())
def test_every_character_is_in_a_passage_or_left_out_by_name(pages: list[PageText]) -> None:
    done = list(cut(pages, tokenised))
    assert [each.page for each in done] == pages
    for page in done:
        text = page.page.text
        held = {offset for piece in page.pieces for offset in range(piece.start, piece.start + piece.length)}
        out = {offset for span in page.left_out for offset in range(span.start, span.start + span.length)}
        assert held | out == set(range(len(text)))
        assert not held & out
        for span in page.left_out:
            assert span.length > 0
            kept = text[span.start : span.start + span.length]
            assert span.why != "space" or not kept.strip()
            assert span.why != "unreadable" or not tokenised(kept.replace("Header", ""))


@given(documents())
def test_passages_lie_in_their_page_in_order_and_are_not_too_long(pages: list[PageText]) -> None:
    for page in cut(pages, tokenised):
        text = page.page.text
        for piece in page.pieces:
            assert 0 <= piece.start < piece.start + piece.length <= len(text)
            told = text[piece.start : piece.start + piece.length]
            assert told == told.strip() != ""
            assert len(tokenised(told)) <= TOKENS
            assert piece.length <= TOKENS * LONGEST_TOKEN
            assert len(piece.heading) <= LONGEST
            assert len(tokenised(piece.table_header)) <= HEAD_TOKENS
        for one, other in pairwise(page.pieces):
            assert one.start < other.start
            assert one.start + one.length < other.start + other.length


@given(
    st.lists(st.lists(st.sampled_from(["a", "b. c", "12.", "Dr. X", "word " * 8]), min_size=1, max_size=9), max_size=40)
)
def test_a_row_is_never_split_unless_it_is_too_long(cells: list[list[str]]) -> None:
    text, rows = "Some text before it. ", []
    for row in cells:
        line = " ".join(row).strip()
        rows.append((len(text), len(line)))
        text += line + "\n"
    [page] = cut(pages_of([text], tables=[Table(rows=rows, header_rows=min(1, len(rows)))]), tokenised)
    for start, length in rows:
        if len(tokenised(text[start : start + length])) <= TOKENS and length <= TOKENS * LONGEST_TOKEN:
            assert any(piece.start <= start and start + length <= piece.start + piece.length for piece in page.pieces)


@given(st.integers(1, 60), st.booleans())
def test_it_looks_no_further_ahead_than_it_says(count: int, paged: bool) -> None:
    asked = 0

    def pages() -> Iterator[PageText]:
        nonlocal asked
        for page in pages_of([BODY[number % 7] for number in range(count)], paged=paged):
            asked += 1
            yield page

    for given_out, page in enumerate(cut(pages(), tokenised), start=1):
        assert page.page.page == given_out
        assert asked <= given_out + (NEIGHBOURS if paged else 0)
    assert asked == count


def test_a_reader_that_lies_about_tables_does_no_harm() -> None:
    text = "One row.\nAnother row."
    lies = [Table(rows=[(5, 400)]), Table(rows=[(9, 3), (0, 2)]), Table(rows=[(-4, 9)]), Table(rows=[], header_rows=9)]
    [page] = cut(pages_of([text], tables=lies), tokenised)
    assert said(page) == ["One row. Another row."]


def test_what_no_token_reaches_is_left_out_by_name() -> None:
    [page] = cut(pages_of(["A word.\n\n\ufffd\ufffd"]), lambda text: [(0, 1), (2, 6)])
    assert gone(page) == [("\ufffd\ufffd", "unreadable")]


# ---------------------------------------------------------------- headers and footers


def report(pages: int, first: str = "Acme annual report", last: str = "Page {0} of {1}") -> list[str]:
    return [
        "\n".join(
            (first.format(number, pages), BODY[number % 7], BODY[(number * 3 + 1) % 7], last.format(number, pages))
        )
        for number in range(1, pages + 1)
    ]


@pytest.mark.parametrize("count", [3, 4, 12, 40])
def test_header_and_footer_lines_are_left_out(count: int) -> None:
    done = cut_texts(report(count))
    for number, page in enumerate(done, start=1):
        assert gone(page) == [("Acme annual report", "header"), (f"Page {number} of {count}", "footer")]
        assert said(page) == [f"{BODY[number % 7]} {BODY[(number * 3 + 1) % 7]}"]


def test_a_page_number_in_roman_figures_is_known_by_its_label() -> None:
    labels = ["i", "ii", "iii", "iv", "v"]
    pages = pages_of([f"{BODY[number]}\nContents {label}" for number, label in enumerate(labels)])
    for page, label in zip(pages, labels, strict=True):
        page.label = label
    assert [gone(page) for page in cut(pages, tokenised)] == [[(f"Contents {label}", "footer")] for label in labels]


def test_left_and_right_pages_have_headers_of_their_own() -> None:
    texts = [f"{('The plan', 'Chapter 2')[number % 2]}\n{BODY[number % 7]}\n{BODY[number % 5]}" for number in range(12)]
    assert [gone(page)[0][0] for page in cut_texts(texts)] == ["The plan", "Chapter 2"] * 6


def test_running_heads_change_with_the_chapter() -> None:
    texts = [f"Chapter {'AB'[number // 10]}\n{BODY[number % 7]}\n{BODY[number % 5]}" for number in range(20)]
    assert [gone(page) for page in cut_texts(texts)] == [
        [(f"Chapter {each}", "header")] for each in "A" * 10 + "B" * 10
    ]


def test_of_two_pages_only_the_number_is_left_out() -> None:
    done = cut_texts(report(2))
    assert [gone(page) for page in done] == [[("Page 1 of 2", "footer")], [("Page 2 of 2", "footer")]]


def test_a_single_page_keeps_all_its_lines() -> None:
    [page] = cut_texts(report(1))
    assert said(page) == [" ".join(page.page.text.split())]


def test_a_page_of_nothing_else_keeps_its_lines() -> None:
    done = cut_texts(["Confidential"] * 8)
    assert [said(page) for page in done] == [["Confidential"]] * 8


@pytest.mark.parametrize(
    "texts",
    [
        [f"• Yes\n• No\n{BODY[number]}" if number % 3 == 0 else f"{BODY[number]}\n• Yes" for number in range(7)],
        [
            f"Results\n{BODY[number]}" if number in (2, 3, 4) else f"Slide\n{BODY[number]}"[number % 2 :]
            for number in range(7)
        ],
        [f"{BODY[number]}\nThe total is {number * number}." for number in range(7)],
        [f"{BODY[number]}\nThe members of group {number} pay nothing." for number in range(7)],
        [BODY[number] for number in range(7)],
    ],
    ids=["lists", "slides", "totals", "counted sentences", "one line"],
)
def test_content_that_looks_alike_stays(texts: list[str]) -> None:
    assert [gone(page) for page in cut_texts(texts)] == [[]] * len(texts)


def test_the_rows_of_a_table_that_goes_on_stay() -> None:
    texts = [f"Plan Copay\nGold {number}\nSilver {number * 7}\nBronze {number * 9}" for number in range(1, 9)]
    pages = pages_of(texts)
    for page in pages:
        page.tables = [Table(rows=[(0, 10), (11, len(page.text) - 11)], header_rows=1)]
    assert [gone(page) for page in cut(pages, tokenised)] == [[]] * 8


def test_a_large_heading_that_comes_again_is_no_header() -> None:
    texts = [
        f"{'Results' if 2 < number < 7 else f'Topic {BODY[number][:9]}'}\n{BODY[number % 7]}" for number in range(7)
    ]
    pages = pages_of(texts)
    for page in pages:
        page.headings = [Heading(start=0, length=page.text.index("\n"), level=3)]
    assert [gone(page) for page in cut(pages, tokenised)] == [[]] * 7


def test_a_kind_without_pages_has_no_header() -> None:
    assert all(gone(page) == [] for page in cut_texts(report(9), paged=False, kind="html"))


# ---------------------------------------------------------------- headings


def test_a_heading_stands_above_what_follows_until_one_of_its_level() -> None:
    texts = ["Care\nInside\n" + BODY[0], BODY[1], "Outside\n" + BODY[2], "Money\n" + BODY[3]]
    pages = pages_of(texts, kind="html", paged=False)
    pages[0].headings = [Heading(start=0, length=4, level=1), Heading(start=5, length=6, level=2)]
    pages[2].headings = [Heading(start=0, length=7, level=2)]
    pages[3].headings = [Heading(start=0, length=5, level=1)]
    paths = [page.pieces[-1].heading for page in cut(pages, tokenised)]
    assert paths == ["Care", "Care › Inside", "Care › Outside", "Money"]


def test_a_passage_begins_at_a_heading() -> None:
    text = f"{BODY[0]} {BODY[1]} {BODY[2]} {BODY[3]}\nMoney\n{BODY[4]}"
    pages = pages_of([text], headings=[Heading(start=text.index("Money"), length=5, level=2)])
    [page] = cut(pages, tokenised)
    assert [(piece.heading, text[piece.start :][:5]) for piece in page.pieces] == [
        ("", BODY[0][:5]),
        ("Money", "Money"),
    ]


def test_bookmarks_are_looked_up_in_their_page() -> None:
    texts = [f"{BODY[0]} {BODY[1]} {BODY[2]} {BODY[3]}\n2.1 De-\nductibles\n{BODY[4]}", BODY[5], BODY[6]]
    pages = pages_of(texts)
    pages[0].outline = [
        OutlineEntry(title="Plan", level=1, page=1),
        OutlineEntry(title="2.1 Deductibles", level=2, page=1),
        OutlineEntry(title="Not in the text", level=1, page=3),
    ]
    done = list(cut(pages, tokenised))
    assert [[piece.heading for piece in page.pieces] for page in done] == [
        ["Plan", "Plan › 2.1 Deductibles"],
        ["Plan › 2.1 Deductibles"],
        ["Not in the text"],
    ]
    assert texts[0][done[0].pieces[1].start :].startswith("2.1")


def test_a_path_is_cut_from_its_outer_end() -> None:
    pages = pages_of([BODY[0]])
    pages[0].outline = [OutlineEntry(title=f"{level} " + "x" * 90, level=level, page=1) for level in range(1, 6)]
    [page] = cut(pages, tokenised)
    assert [title[0] for title in page.pieces[0].heading.split(" › ")] == ["4", "5"]


# ---------------------------------------------------------------- tables


def table_page(header: str = "", header_rows: int = 1, rows: int = 90) -> tuple[PageText, list[tuple[int, int]]]:
    lines = ["Plan Deductible Copay", *(f"Plan {number} ${number},000 ${number}0" for number in range(1, rows))]
    text, spans = "What each plan costs.\n", []
    for line in lines:
        spans.append((len(text), len(line)))
        text += line + "\n"
    [page] = pages_of([text + "All of it a year."])
    page.tables = [Table(rows=spans, header_rows=header_rows, header=header)]
    return page, spans


def test_every_passage_of_a_long_table_has_its_header_row() -> None:
    page, _ = table_page()
    [done] = cut([page], tokenised)
    assert len(done.pieces) > 3
    assert said(done)[0].startswith("What each plan costs. Plan Deductible Copay Plan 1 $1,000 $10")
    assert [piece.table_header for piece in done.pieces] == ["", *["Plan Deductible Copay"] * (len(done.pieces) - 1)]
    assert said(done)[-1].endswith("All of it a year.")
    assert "Plan Deductible Copay\nPlan" in embedded_text("plans", done.pieces[1], said(done)[1])


def test_a_table_that_goes_on_has_the_header_of_the_page_before() -> None:
    page, _ = table_page("Plan  Deduct-\nible", header_rows=0, rows=3)
    [done] = cut([page], tokenised)
    assert [piece.table_header for piece in done.pieces] == ["Plan Deductible"]


def test_text_beside_a_table_has_no_header_row() -> None:
    page, _ = table_page(rows=4)
    page.text += "".join(f"\n{line}" for line in BODY * 3)
    [done] = cut([page], tokenised)
    assert [piece.table_header for piece in done.pieces] == [""] * len(done.pieces)


def hostile_pages() -> Iterator[tuple[str, PageText]]:
    """Far more of everything than anybody makes."""
    count = 60_000
    text = "a b.\n" * count
    spans = [(5 * number, 4) for number in range(count)]
    [plain, outlined, headed, rowed, tabled] = (pages_of([text])[0] for _ in range(5))
    outlined.outline = [OutlineEntry(title="a b " * 20, level=1 + number % 90, page=1) for number in range(10_000)]
    headed.headings = [Heading(start=start, length=4, level=start % 97) for start, _ in spans]
    rowed.tables = [Table(rows=spans, header_rows=count)]
    tabled.tables = [Table(rows=[span], header="a b") for span in spans]
    yield from (("lines", plain), ("bookmarks", outlined), ("headings", headed), ("rows", rowed), ("tables", tabled))


@pytest.mark.parametrize("name", ["lines", "bookmarks", "headings", "rows", "tables"])
@pytest.mark.timeout(60)
def test_a_page_of_any_structure_is_cut_in_linear_time(name: str) -> None:
    """Quadratic time would be hours here; the limit only keeps such a fault from hanging the run."""
    [done] = cut([dict(hostile_pages())[name]], tokenised)
    assert sum(piece.length for piece in done.pieces) >= 4 * 60_000


# ---------------------------------------------------------------- for search


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the deduc-\ntible is", "the deductible is"),
        ("the deduc- \r\n  tible is", "the deductible is"),
        ("the deduc\u00adtible", "the deductible"),
        ("the deduc\u00ad\ntible", "the deductible"),
        ("an in-\nnetwork clinic", "an in-network clinic"),
        ("well-\nknown", "well-known"),
        ("out-of-\npocket", "out-of-pocket"),
        ("out-\nof-pocket", "out-of-pocket"),
        ("Smith-\nJones", "Smith-Jones"),
        ("x-\nray", "x-ray"),
        ("2-\n3 days", "2- 3 days"),
        ("a list:\n- one\n- two", "a list: - one - two"),
        ("so -\nand so", "so - and so"),
    ],
)
def test_broken_words_are_joined_for_search(text: str, expected: str) -> None:
    assert searchable(text) == expected


@pytest.mark.parametrize(
    "text", ["-\n" * 200_000, "a-\n" * 200_000, "-" + " " * 500_000, "a" * 500_000 + "-\nb", "a-\n\n" * 90_000]
)
@pytest.mark.timeout(60)
def test_joining_takes_linear_time(text: str) -> None:
    assert searchable(text) or not text.strip()


@pytest.mark.models
def test_all_of_what_is_embedded_is_read() -> None:
    """MiniLM cuts at 256 tokens, two of them its own marks."""
    embedder = Embedder()
    page, _ = table_page()
    page.tables[0].header_rows, page.tables[0].header = 0, "Deductible £ " * 80
    name = "定款" * 100
    for done in cut([page], embedder.token_spans):
        for piece in done.pieces:
            text = embedded_text(name, piece, page.text[piece.start : piece.start + piece.length])
            assert len(embedder.token_spans(text)) <= 254
    assert embedded_text("A plan", Piece(0, 1, "Care › Inside"), "deduc-\ntible") == "A plan\ndeductible\nInside"
    assert embedded_text("A plan", Piece(0, 1, "Care › Inside"), "Inside: 5 USD") == "A plan\nInside: 5 USD"
