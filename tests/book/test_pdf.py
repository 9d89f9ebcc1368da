"""The book as one PDF: whole, in order, with bookmarks and links that lead somewhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, ROOT / "book" / "pdf.py"]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]


@pytest.fixture(scope="module")
def printed(site, browser):
    """The progress lines and the PDF; `browser` is asked for because it skips without Chromium."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout, PdfReader(site.parent / "unrolled.pdf")


@pytest.fixture(scope="module")
def bookmarks(printed):
    """The first sheet of each page of the site, by its title."""
    reader = printed[1]
    titles = [mark for mark in reader.outline if not isinstance(mark, list)]
    return {mark.title: reader.get_destination_page_number(mark) for mark in titles}


def part_of(sheets, bookmarks, title):
    """Those of all sheets that are one page of the site."""
    starts = sorted([*bookmarks.values(), len(sheets)])
    first = bookmarks[title]
    return sheets[first : starts[starts.index(first) + 1]]


class Written:
    """What is written on a sheet, and what of it starts outside the paper's margins."""

    def __init__(self, sheet):
        self.beyond = []
        self.text = sheet.extract_text(visitor_text=self._note)

    def _note(self, text, matrix, text_matrix, font, size):
        x = matrix[4] + matrix[0] * text_matrix[4]
        if text.strip() and not 40 < x < 560:
            self.beyond.append((round(x), text))


@pytest.fixture(scope="module")
def written(printed):
    """All sheets, read once: that takes most of the time here."""
    return [Written(sheet) for sheet in printed[1].pages]


def links_of(sheet):
    return [
        a.get_object() for a in sheet.get("/Annots", []) if a.get_object()["/Subtype"] == "/Link"
    ]


@pytest.mark.slow
class TestPdf:
    def test_has_a_progress_line_and_a_bookmark_for_every_page(self, printed, bookmarks):
        lines = [line for line in printed[0].splitlines() if line.startswith("  [")]
        assert [line.split()[1] for line in lines] == PAGES
        assert len(bookmarks) == len(PAGES)
        assert list(bookmarks.values()) == sorted(set(bookmarks.values()))

    def test_chapters_are_whole(self, written, bookmarks):
        chapters = [title for title in bookmarks if title[0].isdigit()]
        assert len(chapters) == sum(page.startswith("lessons/") for page in PAGES) - (
            "lessons/capstone" in PAGES
        )
        for title in chapters:
            sheets = part_of(written, bookmarks, title)
            assert len(sheets) >= 15
            text = "\n".join(sheet.text for sheet in sheets)
            for part in ("Aims", "Derivation", "Self-assessment", "Summary", "References"):
                assert f"\n{part}\n" in f"\n{text}\n"
            assert text.count("Fig. ") >= 2
            questions, answers = text.split("\nAnswers\n")
            assert "Problem set" in questions[-2000:]
            for part in ("Wrong:", "Model answer", "Solution to"):
                assert part in answers and part not in questions

    def test_folded_answers_are_unfolded(self, written, bookmarks):
        sheets = part_of(written, bookmarks, "4. Backpropagation through time")
        text = " ".join(" ".join(sheet.text.split()) for sheet in sheets)
        for part in (
            "Give each use of the weight its own copy.",  # a model answer
            "the kept ones and one stretch",  # a solution
            "That is the total derivative.",  # a reason in a quiz
            "dW_forward = np.zeros((H, H))",  # a hidden cell
        ):
            assert part.replace(" ", "") in text.replace(" ", "")

    def test_sheets_are_numbered_through(self, written):
        for number, sheet in enumerate(written, 1):
            assert sheet.text.split()[0] == str(number)

    def test_figures_are_drawn(self, printed, bookmarks):
        """A sheet with a figure holds many curves: letters are no curves, they come from fonts."""
        for title in bookmarks:
            if title[0].isdigit():
                sheets = part_of(printed[1].pages, bookmarks, title)
                curves = [sheet.get_contents().get_data().count(b" c\n") for sheet in sheets]
                assert sum(count > 200 for count in curves) >= 2

    def test_links_lead_into_the_pdf_or_to_the_web(self, printed):
        inside = 0
        for sheet in printed[1].pages:
            for link in links_of(sheet):
                address = link.get("/A", {}).get("/URI", "")
                assert "127.0.0.1" not in address
                inside += "/Dest" in link and link["/Dest"][0].get_object()["/Type"] == "/Page"
        assert inside > 50

    def test_nothing_runs_over_the_margin(self, written):
        """Every piece of text starts within the paper's margins."""
        assert {n: sheet.beyond for n, sheet in enumerate(written, 1) if sheet.beyond} == {}


def test_without_chromium_it_says_what_to_do(tmp_path):
    run = {**os.environ, "CHROMIUM": str(tmp_path / "none")}
    site = ROOT / "_build" / "html"
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=run, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert ("set CHROMIUM" if site.is_dir() else "make book") in done.stderr
