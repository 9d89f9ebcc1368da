"""Grade the course in the working directory with the fake judge: `drive.py JOBS [SCHEDULER]`."""

import json
import sys
from dataclasses import asdict

from fake_judge import FakeJudge

from autograder.batch.course import Course
from autograder.batch.run import Run

if __name__ == "__main__":
    run = Run(Course.here("ps1"), FakeJudge)
    try:
        report = run.grade(jobs=int(sys.argv[1]), scheduler=(sys.argv[2:] or [None])[0])
    finally:
        run.close()
    print(json.dumps(asdict(report)))
