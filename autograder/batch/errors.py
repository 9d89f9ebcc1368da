"""The two ways in which grading says no: to a run, and to one submission."""


class RefusedError(Exception):
    """Grading can't start or can't go on. The message says why, and what to do about it."""


class UngradableError(Exception):
    """One submission can't be graded; the others can. The message says why."""
