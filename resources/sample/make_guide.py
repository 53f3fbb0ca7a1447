"""Makes the sample document, the short guide to Docent that newcomers ask about first.

    python resources/sample/make_guide.py [FILE]

The same source gives the same bytes: no dates, no compression, only the fonts that every PDF reader has. Each sentence
of the guide says one thing and names what it is about, because each may be quoted on its own as the source of an
answer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    ListFlowable,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
)
from reportlab.platypus.tableofcontents import TableOfContents

GUIDE = Path(__file__).with_name("docent-guide.pdf")
TITLE = "A short guide to Docent"

INK = HexColor("#1f2430")
MUTED = HexColor("#667085")
ACCENT = HexColor("#2f5d8a")
LINE = HexColor("#d5dae3")

BODY = ParagraphStyle(
    "body",
    fontName="Helvetica",
    fontSize=10.5,
    leading=15.5,
    textColor=INK,
    spaceAfter=6,
    allowWidows=0,
    allowOrphans=0,
)
ITEM = ParagraphStyle("item", parent=BODY, spaceAfter=3)
HEADING = ParagraphStyle(
    "heading", parent=BODY, fontName="Helvetica-Bold", fontSize=14.5, leading=19, spaceBefore=15, spaceAfter=5
)
COVER_TITLE = ParagraphStyle("title", parent=BODY, fontName="Helvetica-Bold", fontSize=27, leading=33, spaceAfter=4)
COVER_LINE = ParagraphStyle("line", parent=BODY, fontSize=13, leading=19, textColor=MUTED, spaceAfter=16)
CONTENTS = ParagraphStyle("contents", parent=BODY, leading=19, spaceAfter=0)
CONTENTS_HEADING = ParagraphStyle("contents heading", parent=HEADING, textColor=INK)
CODE = ParagraphStyle("code", parent=BODY, fontName="Courier-Bold", fontSize=9.2, leading=13, spaceAfter=0)
KEY = ParagraphStyle("key", parent=CODE, fontName="Helvetica-Bold", fontSize=9.5)
CELL = ParagraphStyle("cell", parent=BODY, spaceAfter=0, leading=14, fontSize=10)


class Section(NamedTuple):
    """A heading and what stands under it: paragraphs, bulleted lists, tables of two columns.

    `` `code` `` is set in a typewriter face.
    """

    heading: str
    parts: list[str | list[str] | list[tuple[str, str]]]


SECTIONS = [
    Section(
        "What Docent is",
        [
            "Docent is a desktop program that answers questions about your documents. Every answer of Docent cites "
            "the page that it comes from. A click on a citation opens the document at that page, with the quoted "
            "sentence highlighted.",
            "Docent runs entirely on your own computer. Docent needs no internet connection, no account and no "
            "subscription. Your documents never leave your computer.",
            "The window of Docent has three parts. The library on the left lists your documents. The conversation in "
            "the middle holds your questions and the answers. The page viewer on the right shows the pages.",
        ],
    ),
    Section(
        "Adding documents",
        [
            "To add a document, drag a file onto the window and drop it anywhere. The Add button does the same for "
            "people who do not drag. You can drop a whole folder, and Docent adds every document in the folder and in "
            "the folders inside it. Docent reads PDF, Word, PowerPoint, EPUB, HTML, Markdown and plain text.",
            "Docent reads each document once and shows a progress bar while it reads. Other documents can be "
            "asked about while a document is being read. A document that has not changed is not read again.",
            "Docent does not copy or change your files. Removing a document from the library leaves the file where it "
            "is. A removal can be undone for a day. When a file was changed, add it again, and Docent replaces what it "
            "knew of the old version. Docent does this by itself for a folder that it watches.",
            "The library says what happened to every file. A document without a remark can be searched as a whole.",
            [
                "<b>Partly read</b> means that some pages have no text or could not be read. The other pages can be "
                "searched.",
                "<b>Needs a password</b> means that the document is encrypted. Docent asks for the password, and "
                "keeps it in the keyring of your system only if you say so.",
                "<b>Scanned</b> means that the pages are pictures without text. Install text recognition (OCR) as the "
                "README says, then read the document again.",
                "<b>Damaged</b> means that the file is broken and cannot be repaired.",
                "<b>File is missing</b> means that the file was moved or deleted. Docent still remembers its text.",
            ],
        ],
    ),
    Section(
        "Asking a question",
        [
            "Type a question into the field at the bottom of the conversation and press Enter. Ask in plain words, as "
            "you would ask a colleague. A question about one thing gets a better answer than three questions at once.",
            "Docent first searches the library for the passages that fit the question. The language model then writes "
            "an answer from those passages only. The answer appears word by word while it is written.",
            "Docent looks in all documents unless you choose a collection or tick some documents in the library. When "
            "documents are ticked, Docent looks only in those.",
            "The Stop button ends an answer early, and what was written stays. The Copy button copies the answer with "
            "its sources. A second question about the same passages is answered faster than the first.",
            "When the documents do not hold the answer, Docent says that it found nothing. Docent then shows the "
            "passages that came nearest, so that you can judge for yourself.",
        ],
    ),
    Section(
        "Reading citations",
        [
            "A number in square brackets, such as [1], is a citation. Each citation names a document and a page. Click "
            "a citation to open the page viewer at the quoted sentence.",
            "A verified citation carries a check mark. Docent marks a citation as verified only after two tests. The "
            "first test is that the quote stands in the page, letter for letter. The second test is that the numbers "
            "and names of the answer stand in the quote. A citation without a check mark may still be right, but read "
            "the page before you rely on it.",
            "Some citations are given by the search instead of the model. Docent does this when the model cited "
            "nothing: it then looks for the sentences that support the answer best.",
            "Sentences of an answer that no quote supports are listed as unsupported. Treat an unsupported sentence as "
            "a guess of the model.",
        ],
    ),
    Section(
        "The page viewer",
        [
            "The page viewer shows a document as it is printed. It can zoom, fit a page to its width, "
            "jump to a page number and find words in the document. Selected text can be copied.",
            "Documents are drawn by a separate process. A hostile or damaged file can never crash the window.",
        ],
    ),
    Section(
        "Models and memory",
        [
            "Docent comes with a small starter model named SmolLM2. The starter model has 135 million parameters and "
            "works at once, without a download. The starter model is small and makes mistakes, so check its answers "
            "against the citations.",
            "A bigger model gives better answers. Docent runs every chat model in the GGUF format. To use another "
            "model, open the settings, choose the Models page and pick the GGUF file.",
            "The settings show what a model needs before it is loaded. At 4 bits a weight, a model with 3 billion "
            "parameters needs about 3 GB of memory, and a model with 8 billion parameters needs about 6 GB. Docent "
            "refuses a model that is larger than the memory of the computer.",
            "The context length is the number of tokens that the question, the passages and the answer may take "
            "together. The context length is 4,096 tokens unless you change it. A longer context needs more memory.",
            "Docent uses the graphics processor where llama.cpp was built for it: Metal on a Mac, CUDA on NVIDIA cards "
            "and Vulkan on others. A model that is not used for 15 minutes leaves the memory and comes back by itself.",
        ],
    ),
    Section(
        "Adapters",
        [
            "An adapter changes how a model answers, not what it knows. A LoRA adapter teaches a model a fixed "
            "behaviour, such as always answering in the same format. Knowledge belongs in the library, because "
            "documents change.",
            "To use an adapter, open the settings, choose the Adapters page and pick a LoRA file in the GGUF format. "
            "An adapter fits only the model that it was trained on, and Docent refuses one that does not fit. The "
            "scale sets how strongly the adapter acts: 0 is the plain model and 1 is the adapter as trained.",
            "Switching an adapter on or off takes effect at the next question. The model is not loaded again.",
        ],
    ),
    Section(
        "Privacy",
        [
            "Docent opens no network connection. Reading, searching and answering all happen on your computer. Docent "
            "sends no statistics and no crash reports.",
            "Docent stores the library in one folder that only its owner can open. The library holds the text of your "
            "documents, so treat that folder like the documents themselves.",
            "The library is not encrypted. To protect the library against theft of the computer, use an encrypted "
            "disk: LUKS on Linux, FileVault on macOS or BitLocker on Windows.",
        ],
    ),
    Section(
        "The command line",
        [
            "The command `docent` opens the window. With a command behind it, Docent works in the terminal instead:",
            [
                ("docent index FOLDER", "adds every document of a folder to the library."),
                ("docent documents", "lists the documents with their state."),
                ('docent search "QUESTION"', "shows the passages that fit best."),
                ('docent ask "QUESTION"', "answers from the whole library."),
                ('docent ask "QUESTION" FILE', "adds the file and answers from it alone."),
                ("docent remove FILE", "takes a document out of the library."),
                ("docent backup FILE", "writes the whole library to one file."),
                ("docent doctor", "checks that everything works."),
            ],
            "Each of these commands prints JSON for scripts when `--json` is given. The window "
            "and the command line share one library, and one of them can have it open at a time.",
        ],
    ),
    Section(
        "Keyboard shortcuts",
        [
            "Everything in the window can be done with the keyboard. On a Mac, press Command instead of Ctrl.",
            [
                ("Ctrl+O", "adds files."),
                ("Ctrl+Shift+O", "adds a folder."),
                ("Enter", "asks the question. Shift+Enter starts a new line."),
                ("Esc", "stops the answer."),
                ("Ctrl+N", "begins a new conversation."),
                ("Ctrl+Shift+C", "copies the last answer with its sources."),
                ("Space", "ticks the selected documents, so that only those are asked."),
                ("Delete", "removes the selected documents from the library. Ctrl+Z puts them back."),
                ("Ctrl+L", "opens the ledger: every file and what became of it."),
                ("F6", "goes to the next pane."),
                ("F9 and F10", "show or hide the library and the page viewer."),
                ("Ctrl+F", "finds words in the document. F3 goes to the next place."),
                ("Ctrl++ and Ctrl+-", "zoom in and out. Ctrl+0 fits the page to the width."),
                ("Ctrl+,", "opens the settings."),
                ("F1", "opens this guide."),
            ],
        ],
    ),
    Section(
        "When something goes wrong",
        [
            "The engine of Docent is a process of its own. When the engine stops unexpectedly, Docent starts it again "
            "and says so. Your documents are safe, and the question can be asked again.",
            "When the disk is full, nothing that was there is lost. Make room on the disk, then add the document "
            "again.",
            "When a model does not fit into memory, choose a smaller model or a shorter context length. A file with a "
            "smaller quantisation, such as Q4, also needs less memory.",
            "When an answer is wrong, look at its citations first. A citation without a check mark shows where the "
            "model went astray. Asking again in the words of the document often helps.",
            "When Docent is started a second time, the first window comes to the front and takes the files.",
            "When the library seems damaged, run `docent doctor --repair` in a terminal. The command `docent doctor` "
            "also says which versions and devices Docent uses.",
        ],
    ),
]


class Guide(BaseDocTemplate):
    """A4 pages with page numbers, an outline and page labels; headings report themselves to the list of contents."""

    def __init__(self, target: Path) -> None:
        super().__init__(
            str(target),
            pagesize=A4,
            invariant=1,
            pageCompression=0,
            title=TITLE,
            author="Docent",
            subject="What Docent does, and how to use it",
            leftMargin=28 * mm,
            rightMargin=28 * mm,
            topMargin=24 * mm,
            bottomMargin=26 * mm,
        )
        frame = Frame(
            self.leftMargin, self.bottomMargin, self.width, self.height, leftPadding=0, rightPadding=0, topPadding=0
        )
        self.addPageTemplates(PageTemplate("page", [frame], onPageEnd=furnish))

    def afterFlowable(self, flowable: Flowable) -> None:
        if isinstance(flowable, Paragraph) and flowable.style.name == "heading":
            text = flowable.getPlainText()
            key = text.lower().replace(" ", "-")
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(text, key, level=0)
            self.notify("TOCEntry", (0, text, self.page, key))


def furnish(canvas: Canvas, document: Guide) -> None:
    """The foot of a page: the title of the guide and the page's number, which is also its label."""
    if document.page == 1:
        canvas.addPageLabel(0, style="ARABIC", start=1)
        canvas.setViewerPreference("DisplayDocTitle", "true")
    canvas.saveState()
    canvas.setFont("Helvetica", 8.5)
    canvas.setFillColor(MUTED)
    baseline = 14 * mm
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.5)
    canvas.line(document.leftMargin, baseline + 4.5 * mm, A4[0] - document.rightMargin, baseline + 4.5 * mm)
    canvas.drawString(document.leftMargin, baseline, TITLE)
    canvas.drawRightString(A4[0] - document.rightMargin, baseline, f"Page {document.page}")
    canvas.restoreState()


def two_columns(rows: list[tuple[str, str]]) -> Table:
    def face(text: str) -> ParagraphStyle:
        return CODE if text.startswith("docent ") else KEY

    cells = [[Paragraph(left, face(left)), Paragraph(right, CELL)] for left, right in rows]
    rule = ("LINEBELOW", (0, 0), (-1, -2), 0.4, LINE)
    padding = [("TOPPADDING", (0, 0), (-1, -1), 3.2), ("BOTTOMPADDING", (0, 0), (-1, -1), 3.2)]
    sides = [("LEFTPADDING", (0, 0), (0, -1), 0), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    return Table(cells, colWidths=[68 * mm, 86 * mm], style=[rule, *padding, *sides], spaceBefore=2, spaceAfter=9)


def paragraph(text: str) -> Paragraph:
    return Paragraph(re.sub("`(.*?)`", r"<font face='Courier-Bold' size='9.2'>\1</font>", text), BODY)


def bullets(items: list[str]) -> ListFlowable:
    return ListFlowable(
        [Paragraph(item, ITEM) for item in items],
        bulletType="bullet",
        start="•",
        leftIndent=12,
        bulletFontSize=10,
        bulletColor=ACCENT,
        spaceAfter=8,
    )


def story() -> Iterator[Flowable]:
    yield Spacer(1, 14 * mm)
    yield Paragraph(TITLE, COVER_TITLE)
    yield Paragraph("Ask your documents a question, and read an answer that cites the page", COVER_LINE)
    yield Paragraph("Contents", CONTENTS_HEADING)
    # Without dot leaders: a row of dots is nothing that anyone should find by searching.
    yield TableOfContents(levelStyles=[CONTENTS], dotsMinLevel=-1)
    yield Spacer(1, 4 * mm)
    for section in SECTIONS:
        # A heading stays with the first lines under it, or with the whole of a table.
        has_table = any(isinstance(part, list) and isinstance(part[0], tuple) for part in section.parts)
        yield CondPageBreak((100 if has_table else 32) * mm)
        yield Paragraph(section.heading, HEADING)
        for part in section.parts:
            if isinstance(part, str):
                yield paragraph(part)
            elif isinstance(part[0], tuple):
                yield two_columns([row for row in part if isinstance(row, tuple)])
            else:
                yield bullets([item for item in part if isinstance(item, str)])


def make(target: Path) -> Path:
    """Write the guide to ``target``."""
    Guide(target).multiBuild(list(story()))
    return target


if __name__ == "__main__":
    print(make(Path(sys.argv[1]) if len(sys.argv) > 1 else GUIDE))
