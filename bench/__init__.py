"""Measurements that are run by hand: `python -m bench SECTION`, or `make bench`."""
