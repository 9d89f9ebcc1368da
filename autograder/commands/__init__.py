"""The commands of `autograder`, a module each: its arguments, and what it does."""
