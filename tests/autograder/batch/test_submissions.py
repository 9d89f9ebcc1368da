"""What is read of a submission: nothing in it may end the run for the others."""

import os

import pytest

from autograder.batch.course import Submission
from autograder.batch.errors import UngradableError
from autograder.batch.keys import of_submission
from autograder.batch.submissions import read


@pytest.fixture
def submission(tmp_path):
    (tmp_path / "ps1.ipynb").write_text("{}")
    return Submission("ada", tmp_path, ("ps1",))


def test_a_name_that_is_no_text_is_left_out_with_a_flag(submission):
    (submission.folder / os.fsdecode(b"\xff.csv")).touch()
    (submission.folder / "a\u202fb.csv").write_text("1")  # as macOS names some files
    contents = read(submission, [], 1000)
    assert list(contents.files) == ["a\u202fb.csv"]
    assert contents.flags == ("'\\udcff.csv' has a name that is no text and was left out",)
    assert of_submission("source", contents.notebooks["ps1"], contents.files)


@pytest.mark.parametrize("text", ["soon", "9" * 40 + "h", "2026-01-01 00:00:00 .."])
def test_a_time_that_is_none_is_said_of_this_submission(submission, text):
    """dateutil raises what it likes: ValueError, decimal.InvalidOperation, a warning."""
    (submission.folder / "timestamp.txt").write_text(text)
    contents = read(submission, [], 1000)
    with pytest.raises(UngradableError, match="holds no date and time"):
        _ = contents.timestamp
