"""Problem set 3, gradients that vanish and explode: what its hidden tests call.

Each function takes a student's function, prints what is wrong with it, and returns the points.
"""

from autograder.problems.ps3 import hidden

grade_back = hidden.BACK.grade
grade_back_large = hidden.BACK_LARGE.grade
grade_ahead = hidden.AHEAD.grade
grade_ahead_large = hidden.AHEAD_LARGE.grade
grade_norms = hidden.NORMS.grade
grade_clip = hidden.CLIP.grade
grade_update = hidden.UPDATE.grade
grade_orthogonal = hidden.ORTHOGONAL.grade
grade_radius = hidden.RADIUS.grade
grade_rotation = hidden.ROTATION.grade
