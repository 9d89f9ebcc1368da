"""A synthetic class of twelve that goes through nbgrader's own commands."""
