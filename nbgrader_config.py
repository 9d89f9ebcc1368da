"""nbgrader's configuration: every nbgrader command works from the root of a checkout."""

import autograder

c = get_config()  # noqa: F821 (nbgrader provides it)
autograder.configure(c)

c.CourseDirectory.course_id = "unrolled"
c.CourseDirectory.source_directory = "solutions"
