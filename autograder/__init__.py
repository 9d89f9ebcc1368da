"""The package that grades: `student` ships to students, everything else stays with instructors."""


def configure(c, unprotected: bool = False) -> None:
    """Let nbgrader grade through the judge: call it in nbgrader_config.py with its `c`.

    `nbgrader autograde` and the formgrader's button then grade in isolation, and
    `nbgrader generate_feedback` keeps hidden tests, desired values and mark schemes to itself.
    A machine without any isolation is refused, unless `unprotected` says to go on regardless.
    """
    # This file ships to students too, who have neither nbgrader nor the rest of the package.
    from autograder.batch import dropin

    dropin.configure(c, unprotected)
