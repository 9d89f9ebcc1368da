"""nbgrader's settings for everybody on the hub, from course.toml beside this file.

The graders' server reads the course's own nbgrader_config.py as well, in the course's folder.
"""

import tomllib
from pathlib import Path

c = get_config()  # noqa: F821 (nbgrader provides it)

course = tomllib.loads((Path(__file__).resolve().parent / "course.toml").read_text())
c.CourseDirectory.course_id = course["course"]
c.CourseDirectory.db_url = course["gradebook"]
c.Exchange.root = course["exchange"]
