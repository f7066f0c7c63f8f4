"""Figures made of marks."""

from __future__ import annotations

import re

from cmrpipe.codes import Severity
from cmrpipe.model import ContourKind
from cmrpipe.pictures.coverage import Cell, Coverage
from cmrpipe.report.facts import Epoch
from cmrpipe.report.figures import coverage_map, line_chart, strip_plot

BOTH = frozenset(ContourKind)


def grid() -> Coverage:
    """Two slices of three frames, with one of each state."""
    cells = {
        (0, 1): Cell(1, True),
        (0, 2): Cell(2, True, BOTH, frozenset({ContourKind.EPI}), severity=Severity.ERROR),
        (0, 3): Cell(3, False, holes=frozenset({"image"})),
        (1, 1): Cell(4, True),
        (1, 2): Cell(5, True, frozenset({ContourKind.ENDO}), holes=frozenset({"epi"})),
        (1, 3): Cell(6, True),
    }
    return Coverage("P", (0, 1), (1, 2, 3), cells, 0)


def test_every_state_has_its_mark_and_its_words() -> None:
    """Drawn, left out, missing and found are each visible and each said; plain images are one path a run."""
    drawn = str(coverage_map(grid(), lambda number: f"p/{number}.png"))
    assert drawn.count('class="m-endo"') == 2
    assert drawn.count("m-epi m-out") == 1
    assert drawn.count('class="m-hole"') == 2
    assert drawn.count('class="m-gap"') == 1
    assert drawn.count('class="m-error"') == 1
    assert 'href="p/2.png"' in drawn
    assert 'href="p/3.png"' not in drawn
    assert (
        "<title>slice 0, frame 2; image 2; endo drawn; epi drawn, left out; finding of severity error</title>" in drawn
    )
    assert "2 slices by 3 frames, 5 images, 2 endocardial contours, 1 epicardial contours" in drawn
    assert len(re.findall(r'<path class="m-image"', drawn)) == 3


def test_lines_go_where_their_figures_are() -> None:
    """A falling figure falls on the screen, and epochs without it are passed over."""
    history = [Epoch(i, {"a": 1.0 / i, "b": None if i == 2 else 0.5}) for i in range(1, 5)]
    chart = str(line_chart(history, [("a", "first"), ("b", "second")], "Two lines"))
    lines = [
        [tuple(map(float, p.split(","))) for p in points.split()] for points in re.findall(r'points="([^"]+)"', chart)
    ]
    heights = [y for _, y in lines[0]]
    assert heights == sorted(heights)
    assert len(heights) == 4
    assert len(lines[1]) == 3
    assert 'aria-label="Two lines"' in chart


def test_without_figures_there_is_no_chart() -> None:
    """No epochs, or none with the figure: nothing is drawn."""
    assert line_chart([], [("a", "first")], "") == ""
    assert line_chart([Epoch(1, {"a": None})], [("a", "first")], "") == ""


def test_one_epoch_is_a_dot() -> None:
    """A training of one epoch has a chart too."""
    assert "<circle" in line_chart([Epoch(1, {"a": 0.4})], [("a", "first")], "")


def test_dots_do_not_hide_each_other() -> None:
    """Equal values stand above one another; a far one is named, and each leads to its patient."""
    points = [(f"P{i}", 5.0, f"patients/P{i}.html") for i in range(8)] + [("FAR", 50.0, "")]
    plot = str(strip_plot(points, "Area", "cm²"))
    places = re.findall(r'cx="([0-9.]+)" cy="([0-9.]+)"', plot)
    assert len(places) == len(set(places)) == 9
    assert plot.count('class="d-name"') == 1
    assert plot.count('href="patients/') == 8
    assert strip_plot([], "Area", "cm²") == ""
