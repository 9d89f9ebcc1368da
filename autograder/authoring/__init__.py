"""For those who write problem sets: what is wrong with one before students see it."""
