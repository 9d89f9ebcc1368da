"""What students and instructors read: feedback without answers, and all that is behind a grade."""
