"""Problem set 1, from documents to a loss: what its hidden tests call.

Each function takes a student's function, prints what is wrong with it, and returns the points.
"""

from autograder.problems.ps1 import hidden

grade_windows = hidden.WINDOWS.grade
grade_step = hidden.STEP.grade
grade_sequence = hidden.SEQUENCE.grade
grade_loss = hidden.LOSS.grade
grade_loss_large = hidden.LOSS_LARGE.grade
