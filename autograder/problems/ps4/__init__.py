"""Problem set 4, gated cells and two directions: what its hidden tests call.

Each function takes a student's function, prints what is wrong with it, and returns the points.
"""

from autograder.problems.ps4 import hidden

grade_gru_forward = hidden.GRU_FORWARD.grade
grade_gru_backward = hidden.GRU_BACKWARD.grade
grade_gru_backward_large = hidden.GRU_BACKWARD_LARGE.grade
grade_lstm_forward = hidden.LSTM_FORWARD.grade
grade_lstm_backward = hidden.LSTM_BACKWARD.grade
grade_lstm_backward_large = hidden.LSTM_BACKWARD_LARGE.grade
grade_two_way_forward = hidden.TWO_WAY_FORWARD.grade
grade_two_way_backward = hidden.TWO_WAY_BACKWARD.grade
grade_two_way_backward_large = hidden.TWO_WAY_BACKWARD_LARGE.grade
