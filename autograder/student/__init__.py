"""What ships to students: checks that need no answers. Standard library and NumPy only."""
