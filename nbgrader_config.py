"""nbgrader's configuration: every nbgrader command works from the root of a checkout."""

c = get_config()  # noqa: F821 (nbgrader provides it)

c.CourseDirectory.course_id = "unrolled"
c.CourseDirectory.source_directory = "solutions"

# A cell that takes longer scores nothing; the cells after it still run.
c.Execute.timeout = 30
