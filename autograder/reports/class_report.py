"""The class report: one self-contained page about everybody, and the same as CSV."""

import csv
import datetime
import io
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from autograder.reports import statistics
from autograder.reports.class_results import ClassResults

COMMONEST = 12  # sentences that stand open on the page; the rarer ones are folded


def page(results: ClassResults, date: datetime.date, site: str = "") -> str:
    """Return the report as one HTML page that needs no other file.

    Args:
        results: what is reported.
        date: printed on it.
        site: where the course's website is, for the links to its sections, such as
            "https://example.org/course/".
    """
    # What students hand in decides some of these texts, so all are escaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=False
    )
    environment.filters["points"] = points
    scores = [student.score for student in results.handed_in]
    return environment.get_template("class_report.html").render(
        results=results,
        date=date.isoformat(),
        site=site,
        summary=statistics.summary(scores),
        histogram=statistics.histogram(scores, results.most),
        misconceptions=statistics.misconceptions(results),
        commonest=COMMONEST,
        figures=statistics.item_figures(results),
        several=len({item.notebook for item in results.items}) > 1,
        need_a_hand=statistics.need_a_hand(results),
        flagged=[student for student in results.students if student.flags],
        late=sum(student.late > datetime.timedelta() for student in results.students),
        pending=sum(student.pending for student in results.handed_in),
    )


def table(results: ClassResults) -> str:
    """Return the report's rows as CSV: a student a row, a graded cell a column."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        ["student", "handed_in", "score", "max_score", "late_hours", "late_penalty"]
        + [item.name for item in results.items]
        + ["flags", "misconceptions"]
    )
    for student in results.students:
        cells = [student.points.get(item) for item in results.items]
        rows.writerow(
            [
                harmless(student.student),
                "yes" if student.handed_in else "no",
                points(student.score),
                points(results.most),
                f"{student.late.total_seconds() / 3600:.1f}",
                points(student.penalty),
                *("" if value is None else points(value) for value in cells),
                harmless(" | ".join(student.flags)),
                harmless(" | ".join(m.sentence for m in student.misconceptions)),
            ]
        )
    return text.getvalue()


def points(value: float) -> str:
    """A number of points with at most two decimals: 7, 7.5, 7.25."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
