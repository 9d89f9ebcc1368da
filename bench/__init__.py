"""Comparisons with other tools, side by side in one run: python -m bench.

- `bench.run`: all parts, each in a process of its own, so that one may fail.
- `bench.record`: the result as JSON and as a table in Markdown.
- `bench.parts`: what is measured, by name. A part is a generator of rows, so that those made are
  kept; what its module's docstring says stands above its table.
"""
