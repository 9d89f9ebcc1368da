"""nbgrader's configuration: every nbgrader command works from the root of a checkout."""

import os
import sys

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import ClearMarkScheme, GetGrades

c = get_config()  # noqa: F821 (nbgrader provides it)

c.CourseDirectory.course_id = "unrolled"
c.CourseDirectory.source_directory = "solutions"

# A cell that takes longer scores nothing; the cells after it still run.
c.Execute.timeout = 30

# nbgrader calls alembic by its bare name when it makes the gradebook.
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])

# nbgrader puts the mark scheme back for the grader to see. The student's feedback goes without it.
c.GenerateFeedback.preprocessors = [GetGrades, ClearMarkScheme, CSSHTMLHeaderPreprocessor]
