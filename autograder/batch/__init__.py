"""Grade a whole class: find what is new, run it on many processes, write files and gradebook."""
