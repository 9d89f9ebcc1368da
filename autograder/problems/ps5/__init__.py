"""Problem set 5, decoding, a module, training: what its hidden tests call.

Each function takes what a student's cell defines, prints what is wrong with it, and returns the
points.
"""

from autograder.problems.ps5 import hidden

grade_decode = hidden.DECODE.grade
grade_module = hidden.MODULE.grade
grade_module_large = hidden.MODULE_LARGE.grade
grade_train = hidden.TRAIN.grade
grade_fit = hidden.FIT.grade
