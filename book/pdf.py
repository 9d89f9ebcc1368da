"""Print the built site as one PDF: every page of the table of contents through headless Chromium.

Run as ``python book/pdf.py`` after ``book/build.py``; ``make pdf`` does both. What the site folds
away is unfolded: answers and solutions at the end of their chapter, the code of figures where it
stands. Links between pages lead to places in the PDF; each page is a bookmark, with its headings
below it.
"""

import functools
import http.server
import io
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

import yaml
from playwright.sync_api import Browser, sync_playwright
from pypdf import PdfReader, PdfWriter
from pypdf.generic import Destination, DictionaryObject, Fit, NameObject

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "_build" / "html"
PDF = ROOT / "_build" / "unrolled.pdf"
A4_HEIGHT = 842  # points
STYLE = ROOT / "book" / "_static" / "pdf.css"
# Unfold everything, load what lies below the fold, and shrink equations wider than the paper.
PREPARE = """async () => {
    document.documentElement.dataset.theme = "light";
    for (const folded of document.querySelectorAll("details")) folded.open = true;
    for (const folded of document.querySelectorAll(".toggle-hidden"))
        folded.classList.remove("toggle-hidden");
    for (const image of document.images) image.loading = "eager";
    await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
    await document.fonts.ready;
    for (const math of document.querySelectorAll("article .katex-display")) {
        const parts = [...math.querySelectorAll(".base")].map((p) => p.getBoundingClientRect());
        const left = Math.min(...parts.map((part) => part.left));
        const right = Math.max(...parts.map((part) => part.right));
        const room = math.clientWidth / (right - left);
        if (room < 1) math.style.fontSize = `${Math.floor(100 * room)}%`;
    }
}"""

# On paper nothing hides an answer but its distance: they move to the end of their page.
ANSWERS = """() => {
    const answers = document.createElement("section");
    answers.id = "answers";
    answers.innerHTML = "<h2>Answers</h2>";
    const add = (title, content) => {
        const box = document.createElement("div");
        box.className = "quiz";  // the reasons keep their style
        box.append(content);
        answers.insertAdjacentHTML("beforeend", `<h3>${title}</h3>`);
        answers.append(box);
    };
    const quizzes = [...document.querySelectorAll(".quiz")];
    if (!quizzes.length) return;
    quizzes[0].insertAdjacentHTML(
        "beforebegin", '<p><a href="#answers">The answers</a> stand at the end of the chapter.</p>'
    );
    for (const quiz of quizzes)
        add(quiz.querySelector("legend").textContent, quiz.querySelector(".quiz-feedback"));
    [...document.querySelectorAll("details")]
        .filter((folded) => folded.querySelector("summary").textContent.includes("Model answer"))
        .forEach((answer, i) => add(`Terminal question ${i + 1}`, answer));
    answers.append(...document.querySelectorAll(".solution"));
    document.querySelector("article > section").append(answers);
}"""

# Titles and the names of their places; what else a heading holds is for the screen.
HEADINGS = """() => [...document.querySelectorAll("article h1, article h2")].map((heading) => {
    const title = heading.cloneNode(true);
    for (const part of title.querySelectorAll(".headerlink, .katex-mathml"))
        part.remove();
    return [heading.parentElement.id, title.textContent.trim()];
})"""


class Heading(NamedTuple):
    """A bookmark: the name of its place in the page, and its title."""

    place: str
    title: str


def contents() -> list[str]:
    """Return the pages of the table of contents, in its order, as the site names them."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    pages = [toc["root"]] + [c["file"] for part in toc["parts"] for c in part["chapters"]]
    missing = [page for page in pages if not (SITE / f"{page}.html").is_file()]
    if missing:
        stop(f"the site has no {', '.join(missing)}; build it first: make book.")
    return pages


def chromium() -> str:
    """Return the path of Chromium: the variable CHROMIUM, or one that lies where such things do."""
    named = os.environ.get("CHROMIUM")
    found = shutil.which(named or "chromium")
    if not found:
        where = f"CHROMIUM names {named}, which is no program" if named else "there is no Chromium"
        stop(
            f"{where}. Install it (Debian and Ubuntu: apt install chromium), "
            "or set CHROMIUM to the path of Chromium or Chrome."
        )
    return found


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine and give its address: scripts don't run from file://."""
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def print_page(browser: Browser, address: str, first: int) -> tuple[PdfReader, list[Heading]]:
    """Print one page of the site, its sheets numbered from `first` on.

    Returns the PDF and the page's headings of the first two levels, the title before all others.
    """
    page = browser.new_page(color_scheme="light", reduced_motion="reduce")
    # As wide as the paper between its margins, so that what is measured is what is printed.
    page.set_viewport_size({"width": 657, "height": 900})
    page.goto(address, wait_until="load")
    page.emulate_media(media="print")
    page.add_style_tag(path=STYLE)
    page.evaluate(ANSWERS)
    page.evaluate(PREPARE)
    page.add_style_tag(content=f"html {{ counter-reset: page {first - 1} }}")
    headings = [Heading(*found) for found in page.evaluate(HEADINGS)]
    printed = page.pdf(print_background=True, prefer_css_page_size=True)
    page.close()
    return PdfReader(io.BytesIO(printed)), headings


def join(pages: dict[str, tuple[PdfReader, list[Heading]]], origin: str) -> PdfWriter:
    """Join printed pages: bookmarks for their headings, and links between them made internal."""
    writer = PdfWriter()
    places: dict[tuple[str, str], tuple[int, float]] = {}
    for name, (reader, headings) in pages.items():
        start = len(writer.pages)
        places[name, ""] = (start, A4_HEIGHT)
        for place, where in reader.named_destinations.items():
            sheet = start + reader.get_destination_page_number(where)
            places[name, place.removeprefix("/")] = (sheet, float(where.top))
        writer.append(reader, import_outline=False)
        title, *sections = headings
        bookmark = writer.add_outline_item(title=title.title, page_number=start)
        for section in sections:
            sheet, top = places.get((name, section.place), (start, A4_HEIGHT))
            writer.add_outline_item(
                title=section.title, page_number=sheet, parent=bookmark, fit=Fit.xyz(top=top)
            )
    starts = [(name, sheet) for (name, place), (sheet, _) in places.items() if not place]
    for number, sheet in enumerate(writer.pages):
        name = [name for name, start in starts if start <= number][-1]
        for link in sheet.get("/Annots", []):
            lead_inside(link.get_object(), name, places, origin, writer)
    return writer


def lead_inside(
    link: DictionaryObject,
    name: str,
    places: dict[tuple[str, str], tuple[int, float]],
    origin: str,
    writer: PdfWriter,
) -> None:
    """Let a link on the page `name` lead to its place in the PDF; a foreign address stays."""
    address = link.get("/A", {}).get("/URI", "")
    if "/Dest" in link:
        target = (name, str(link["/Dest"]).removeprefix("/"))
    elif address.startswith(origin):
        parts = urlsplit(address)
        target = (parts.path.strip("/").removesuffix(".html"), unquote(parts.fragment))
    else:
        return
    sheet, top = places.get(target) or places.get((target[0], "")) or (None, None)
    link.pop("/A", None)
    if sheet is None:  # a download or the search page, which paper has not
        link.pop("/Dest", None)
        return
    goal = Destination("link", writer.pages[sheet].indirect_reference, Fit.xyz(top=top))
    link[NameObject("/Dest")] = goal.dest_array


def stop(message: str) -> NoReturn:
    """End with one line that says what to do."""
    sys.exit(f"pdf: {message}")


def main() -> None:
    """Print every page, join them, and say where the PDF is."""
    start = time.perf_counter()
    names, program = contents(), chromium()
    printed = {}
    with serving(SITE) as origin, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        sheets = 0
        for done, name in enumerate(names, 1):
            printed[name] = print_page(browser, f"{origin}/{name}.html", sheets + 1)
            sheets += len(printed[name][0].pages)
            print(f"  [{done}/{len(names)}] {name}  {sheets} sheets so far", flush=True)
        browser.close()
    writer = join(printed, origin)
    writer.add_metadata({"/Title": "Unrolled", "/Author": "The Unrolled authors"})
    writer.compress_identical_objects()
    writer.write(PDF)
    print(f"Done in {time.perf_counter() - start:.0f} s. Open {PDF}")


if __name__ == "__main__":
    main()
