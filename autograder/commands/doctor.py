"""Say what protection this machine gives."""

import argparse

from autograder.sandbox import available_tiers


def arguments(parser: argparse.ArgumentParser) -> None:
    """Take none."""


def run(given: argparse.Namespace) -> int:
    """Print each tier of protection, whether it works here, and what is missing."""
    tiers = available_tiers()
    for tier in tiers:
        print(f"{tier.name:<10} {'works' if tier.works else f'missing: {tier.missing}'}")
        if not tier.works and tier.how:
            print(f"{'':<10} {tier.how}")
    best = next((tier.name for tier in tiers if tier.works), None)
    if best is None:
        print("This machine can't isolate what students write. Grading is refused here.")
        return 1
    print(f"Submissions are graded at tier '{best}' on this machine.")
    return 0
