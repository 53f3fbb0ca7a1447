"""The window's own resident memory with a document of 500 pages open and scrolled through."""

from __future__ import annotations

from benchmarks import common
from benchmarks.in_window import Window

PAGES = 500


def main() -> None:
    with common.folder() as folder:
        document = common.make_pdf(folder / "long.pdf", PAGES)
        with Window(folder / "home") as window:
            seen = window.do("scroll", path=str(document), pages=PAGES, step=2)
    common.say(
        f"The window's memory with {PAGES} pages open",
        f"{seen['most']:.0f} MB",
        "under 200 MB",
        f"before {seen['before']:.0f} MB; after going through them {seen['after']:.0f} MB; {seen['drawn']} pages drawn",
    )


if __name__ == "__main__":
    main()
