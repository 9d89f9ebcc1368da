"""Problem set 2, backpropagation through time: what its hidden tests call.

Each function takes a student's function, prints what is wrong with it, and returns the points.
"""

from autograder.problems.ps2 import hidden

grade_forward = hidden.FORWARD.grade
grade_backward = hidden.BACKWARD.grade
grade_backward_large = hidden.BACKWARD_LARGE.grade
grade_truncated = hidden.TRUNCATED.grade
grade_truncated_large = hidden.TRUNCATED_LARGE.grade
