"""Instructor only: one module a problem set, with its reference, its inputs and its feedback."""
