"""Finds submissions that are unusually alike: for a person to read, never a verdict."""
