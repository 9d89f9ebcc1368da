"""The tables of what the course covers and corrects: complete, true to plan, and linked."""

import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[2]

# chapters: the rows, or errata, that exactly these chapters cover
ROWS = {
    "1": "1-4 9 11",
    "1 9": "57",
    "2": "5-8 33",
    "2 5": "32",
    "3": "10 12",
    "4": "14 16-21",
    "4 5": "15",
    "5": "22 25-31 63 65 66 69",
    "5 12": "35",
    "6": "38-40 67",
    "7": "41",
    "8": "13 34 43 45 68 74",
    "8 9": "44",
    "9": "23 24 47-55 64 70-72",
    "9 10": "46",
    "10": "36 37 58 75",
    "10 13": "56",
    "11": "59-62",
    "12": "42 73",
}
ERRATA = {
    "2": "4",
    "2 3": "18",
    "3 4 8": "14",
    "5": "1-3 5 12 13",
    "6": "17",
    "6 7": "6",
    "8 12": "19",
    "9": "8-11 16",
    "10": "7",
    "10 11": "15",
}


def plan(by_chapters):
    """(number, chapters) in order of the numbers."""
    pairs = []
    for chapters, spans in by_chapters.items():
        for span in spans.split():
            first, _, last = span.partition("-")
            for number in range(int(first), int(last or first) + 1):
                pairs.append((number, [int(chapter) for chapter in chapters.split()]))
    return sorted(pairs)


def data(name):
    return yaml.safe_load((ROOT / "book" / "_data" / f"{name}.yml").read_text(encoding="utf-8"))


def rows():
    return [row for part in data("coverage") for row in part["rows"]]


def entries():
    """Every row and erratum with a name for messages."""
    named = [(f"coverage row {row['row']}", row) for row in rows()]
    return named + [(f"erratum {erratum['id']}", erratum) for erratum in data("errata")]


def written():
    """The numbers of the chapters whose lesson exists."""
    return {int(path.name[:2]) for path in (ROOT / "lessons").glob("[0-9][0-9]-*.md")}


def test_all_75_rows_once_with_their_chapters():
    assert [(row["row"], row["chapters"]) for row in rows()] == plan(ROWS)
    assert len(rows()) == 75


def test_all_19_errata_once_with_their_chapters():
    found = [
        (int(erratum["id"].removeprefix("E")), erratum["chapters"]) for erratum in data("errata")
    ]
    assert found == plan(ERRATA)
    assert len(found) == 19


def test_decks_are_known():
    for name, entry in entries():
        assert entry["decks"] and set(entry["decks"]) <= set(range(5)), name


def test_lessons_are_the_chapters_of_the_list():
    chapters = data("chapters")
    assert [chapter["number"] for chapter in chapters] == list(range(1, 16))
    planned = {f"{chapter['number']:02}-{chapter['slug']}.md" for chapter in chapters}
    assert {path.name for path in (ROOT / "lessons").glob("*.md")} <= planned | {"capstone.md"}


def test_lessons_have_the_titles_of_the_list():
    for chapter in data("chapters"):
        path = ROOT / "lessons" / f"{chapter['number']:02}-{chapter['slug']}.md"
        if path.exists():
            heading = (
                f"(chapter-{chapter['number']:02})=\n# {chapter['number']}. {chapter['title']}\n"
            )
            assert heading in path.read_text(encoding="utf-8")


def test_every_written_chapter_is_linked_and_no_other():
    for name, entry in entries():
        links = set(entry.get("link", {}))
        assert links == set(entry["chapters"]) & written(), name


def test_schedule_names_the_problem_sets_that_are_ready():
    text = (ROOT / "book" / "schedule.md").read_text(encoding="utf-8")
    named = re.search(r"^Ready problem sets: (.*)\.$", text, flags=re.MULTILINE).group(1)
    ready = sorted(path.name.removeprefix("ps") for path in (ROOT / "solutions").glob("ps[0-9]"))
    assert named == ", ".join(ready)


# The built site --------------------------------------------------------------------------------


class Page(HTMLParser):
    """Ids, links of table rows by the row's header, header cells without a scope, captions."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.unscoped, self.captions = set(), {}, 0, 0
        self.header, self.in_header = "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.add(attributes["id"])
        if tag == "tr":
            self.header = ""
        if tag == "th":
            self.in_header = attributes.get("scope") == "row"
            self.unscoped += "scope" not in attributes
        if tag == "caption":
            self.captions += 1
        if tag == "a" and self.header and not self.in_header:
            self.links.setdefault(self.header, []).append(attributes["href"])

    def handle_endtag(self, tag):
        if tag == "th":
            self.in_header = False
        if tag == "table":
            self.header = ""

    def handle_data(self, text):
        if self.in_header:
            self.header += text.strip()


@cache
def page(path):
    return Page(path)


@pytest.mark.parametrize(("name", "key"), [("coverage", "row"), ("errata", "id")])
def test_links_of_the_site_lead_to_their_sections(site, name, key):
    source = site / "book" / f"{name}.html"
    found = page(source)
    for entry in rows() if name == "coverage" else data("errata"):
        targets = found.links.get(str(entry[key]), [])
        assert len(targets) == len(entry.get("link", {})), entry[key]
        for target in targets:
            url = urlsplit(target)
            lesson = (source.parent / unquote(url.path)).resolve()
            assert lesson.is_file(), target
            assert unquote(url.fragment) in page(lesson).ids, target


def test_tables_have_captions_and_scopes(site):
    for name, tables in (("coverage", 7), ("errata", 1)):
        found = page(site / "book" / f"{name}.html")
        assert (found.captions, found.unscoped) == (tables, 0)


def test_pages_say_what_is_missing(site):
    text = (site / "book" / "coverage.html").read_text(encoding="utf-8")
    missing = sum(len(set(row["chapters"]) - written()) for row in rows())
    assert text.count(", not written yet") == missing
    done = sum(set(row["chapters"]) <= written() for row in rows())
    assert f"{done} of 75 rows covered." in text


def test_welcome_page_counts_the_chapters(site):
    text = (site / "book" / "welcome.html").read_text(encoding="utf-8")
    assert f"{len(written())} of 15 chapters are written." in text
