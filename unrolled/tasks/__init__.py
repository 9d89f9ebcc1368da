"""Synthetic tasks on which the field tests what a recurrent network remembers."""

from unrolled.tasks.adding import adding
from unrolled.tasks.agreement import agreement
from unrolled.tasks.copying import copying
from unrolled.tasks.dates import dates
from unrolled.tasks.lagged_coin import coin_level, lagged_coin
from unrolled.tasks.latch import latch
from unrolled.tasks.person_names import HARRY, person_names, trade_lists
from unrolled.tasks.recall import recall
from unrolled.tasks.temporal_order import temporal_order
from unrolled.tasks.two_sequences import two_sequences

__all__ = [
    "HARRY",
    "adding",
    "agreement",
    "coin_level",
    "copying",
    "dates",
    "lagged_coin",
    "latch",
    "person_names",
    "recall",
    "temporal_order",
    "trade_lists",
    "two_sequences",
]
