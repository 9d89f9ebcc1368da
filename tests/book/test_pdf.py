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


def sheets_of(reader, bookmarks, title):
    """The sheets of one page of the site."""
    starts = sorted([*bookmarks.values(), len(reader.pages)])
    first = bookmarks[title]
    return reader.pages[first : starts[starts.index(first) + 1]]


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

    def test_chapters_are_whole(self, printed, bookmarks):
        chapters = [title for title in bookmarks if title[0].isdigit()]
        assert len(chapters) == sum(page.startswith("lessons/") for page in PAGES) - (
            "lessons/capstone" in PAGES
        )
        for title in chapters:
            sheets = sheets_of(printed[1], bookmarks, title)
            assert len(sheets) >= 15
            text = "\n".join(sheet.extract_text() for sheet in sheets)
            for part in ("Aims", "Derivation", "Self-assessment", "Summary", "References"):
                assert f"\n{part}\n" in f"\n{text}\n"
            assert text.count("Fig. ") >= 2
            questions, answers = text.split("\nAnswers\n")
            assert "Problem set" in questions[-2000:]
            for part in ("Wrong:", "Model answer", "Solution to"):
                assert part in answers and part not in questions

    def test_folded_answers_are_unfolded(self, printed, bookmarks):
        sheets = sheets_of(printed[1], bookmarks, "4. Backpropagation through time")
        text = " ".join(" ".join(sheet.extract_text().split()) for sheet in sheets)
        for part in (
            "Give each use of the weight its own copy.",  # a model answer
            "the kept ones and one stretch",  # a solution
            "That is the total derivative.",  # a reason in a quiz
            "dW_forward = np.zeros((H, H))",  # a hidden cell
        ):
            assert part.replace(" ", "") in text.replace(" ", "")

    def test_sheets_are_numbered_through(self, printed):
        for number, sheet in enumerate(printed[1].pages, 1):
            assert sheet.extract_text().split()[0] == str(number)

    def test_figures_are_drawn(self, printed, bookmarks):
        """A sheet with a figure holds many curves: letters are no curves, they come from fonts."""
        for title in bookmarks:
            if title[0].isdigit():
                sheets = sheets_of(printed[1], bookmarks, title)
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

    def test_nothing_runs_over_the_margin(self, printed):
        """Every piece of text starts within the paper's margins."""
        for number, sheet in enumerate(printed[1].pages, 1):
            beyond = []

            def note(text, matrix, text_matrix, font, size, beyond=beyond):
                x = matrix[4] + matrix[0] * text_matrix[4]
                if text.strip() and not 40 < x < 560:
                    beyond.append((round(x), text))

            sheet.extract_text(visitor_text=note)
            assert beyond == [], f"sheet {number}"


def test_without_chromium_it_says_what_to_do(tmp_path):
    run = {**os.environ, "CHROMIUM": str(tmp_path / "none")}
    site = ROOT / "_build" / "html"
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=run, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert ("set CHROMIUM" if site.is_dir() else "make book") in done.stderr
