"""Real data that needs no network: series, digits, names of cities, source code.

Each module holds one kind and names its source and licence. Nothing is loaded before a function is
called.
"""
