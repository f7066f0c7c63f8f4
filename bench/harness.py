"""Times pieces of code side by side in one run and prints their ratios.

The pieces take turns, round by round, so that a machine that slows down slows all of them; the median over the rounds
counts. One untimed round comes first.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHARED = Path(__file__).parents[2] / "shared" / "data"
DATA = SHARED / "final_data"
"""Real patients, where they are there."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Median, smallest and largest seconds of one piece over the rounds; `ratio` is the median over the reference's."""

    name: str
    seconds: float
    fastest: float
    slowest: float
    ratio: float


def compare(
    title: str,
    pieces: Mapping[str, Callable[[], object]],
    *,
    reference: str,
    rounds: int = 5,
    columns: Mapping[str, Sequence[str]] | None = None,
    per: int = 1,
    unit: str = "ms",
    repeats: Mapping[str, int] | None = None,
) -> list[Timing]:
    """Time all pieces in turns, print a table, and return the timings in the order given.

    Parameters
    ----------
    title : printed above the table, with the number of rounds
    pieces : what to time, by name; each is called without arguments once a round
    reference : name of the piece that the others are held against; "2.0 x" means twice its time
    columns : further columns to print: heading → a text per piece
    per : things that one call handles; times are printed for one of them
    unit : "s", "ms" or "us"
    repeats : times that a piece is called a round, for those that one call is too short to time beside slow ones
    """
    calls = {name: (repeats or {}).get(name, 1) for name in pieces}
    seconds: dict[str, list[float]] = {name: [] for name in pieces}
    for timed in range(rounds + 1):
        for name, piece in pieces.items():
            start = time.perf_counter()
            for _ in range(calls[name]):
                piece()
            took = (time.perf_counter() - start) / per / calls[name]
            if timed:
                seconds[name].append(took)
    median = {name: statistics.median(took) for name, took in seconds.items()}
    timings = [
        Timing(name, median[name], min(took), max(took), median[name] / median[reference])
        for name, took in seconds.items()
    ]
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]
    rows = [["", f"median {unit}", "fastest", "slowest", f"times {reference}", *(columns or {})]]
    for index, t in enumerate(timings):
        times = [
            f"{value * scale:.3g}" if value * scale < 100 else f"{value * scale:.0f}"
            for value in (t.seconds, t.fastest, t.slowest)
        ]
        rows.append([t.name, *times, f"{t.ratio:.2f} x", *(column[index] for column in (columns or {}).values())])
    print(f"\n{title} ({rounds} rounds, in turns)")
    print_table(rows)
    return timings


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of equal length as a table, the first one as heading; all columns but the first align right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
