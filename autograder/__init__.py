"""The package that grades: `student` ships to students, everything else stays with instructors."""
