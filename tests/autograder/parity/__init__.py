"""The judge against stock nbgrader: the same marks, cell by cell."""
