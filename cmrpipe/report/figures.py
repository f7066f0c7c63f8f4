"""Figures of the pages as inline SVG: the coverage map and the course of the training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from markupsafe import Markup, escape

from cmrpipe.model import ContourKind
from cmrpipe.pictures.coverage import Cell, Coverage
from cmrpipe.report.facts import Epoch
from cmrpipe.report.measures import outliers

_STEP, _SIDE = 18, 15
_LEFT, _TOP = 34, 20

LinkOf = Callable[[int], str]
"""Address of an image's picture by its number; empty when there is none."""


def _words(place: tuple[int, int], cell: Cell) -> str:
    parts = [f"slice {place[0]}, frame {place[1]}"]
    if cell.number is not None:
        parts.append(f"image {cell.number}")
    parts += [f"{kind} drawn" + (", left out" if kind in cell.left_out else "") for kind in sorted(cell.drawn)]
    parts += [f"{what} missing" for what in sorted(cell.holes)]
    if cell.severity:
        parts.append(f"finding of severity {cell.severity}")
    return "; ".join(parts)


def _special(place: tuple[int, int], cell: Cell, x: int, y: int, link: str) -> Markup:
    """One place of which there is something to say; every state has its own shape, not only its own colour."""
    middle_x, middle_y = x + _SIDE / 2, y + _SIDE / 2
    marks = [
        Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
            "m-image" if cell.image else "m-gap", x, y, _SIDE, _SIDE
        )
    ]
    if ContourKind.EPI in cell.drawn:
        out = " m-out" if ContourKind.EPI in cell.left_out else ""
        marks.append(Markup('<circle class="m-epi{}" cx="{}" cy="{}" r="5.6"/>').format(out, middle_x, middle_y))
    if ContourKind.ENDO in cell.drawn:
        shape = "m-endo-out" if ContourKind.ENDO in cell.left_out else "m-endo"
        marks.append(Markup('<circle class="{}" cx="{}" cy="{}" r="3"/>').format(shape, middle_x, middle_y))
    if cell.holes:
        at = (x + 1.5, y + _SIDE - 7.5) if cell.drawn else (middle_x - 3, middle_y - 3)
        marks.append(Markup('<path class="m-hole" d="M{} {}l6 6m0-6l-6 6"/>').format(*at))
    if cell.severity:
        marks.append(Markup('<path class="m-{}" d="M{} {}h6v6z"/>').format(cell.severity, x + _SIDE - 6, y))
    title = Markup("<title>{}</title>").format(_words(place, cell))
    inside = title + Markup("").join(marks)
    if link:
        return Markup('<a href="{}">{}</a>').format(link, inside)
    return Markup("<g>{}</g>").format(inside)


def coverage_map(coverage: Coverage, link_of: LinkOf) -> Markup:
    """The slice x frame grid: a row a slice, a column a frame."""
    columns = {frame: _LEFT + i * _STEP for i, frame in enumerate(coverage.frames)}
    rows = {index: _TOP + i * _STEP for i, index in enumerate(coverage.slices)}
    body: list[Markup] = []
    for frame, x in columns.items():
        if frame == coverage.frames[0] or frame % 5 == 0:
            body.append(
                Markup('<text class="m-axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    x + _SIDE / 2, _TOP - 6, frame
                )
            )
    for index, y in rows.items():
        body.append(
            Markup('<text class="m-axis" x="{}" y="{}" text-anchor="end">{}</text>').format(
                _LEFT - 7, y + _SIDE - 4, index
            )
        )
        plain = [coverage.cells.get((index, frame)) for frame in coverage.frames]
        for is_plain, run in groupby(
            zip(coverage.frames, plain, strict=True), key=lambda pair: pair[1] is not None and pair[1].plain
        ):
            cells = list(run)
            if is_plain:
                path = "".join(f"M{columns[frame]} {y}h{_SIDE}v{_SIDE}h-{_SIDE}z" for frame, _ in cells)
                body.append(Markup('<path class="m-image" d="{}"/>').format(path))
                continue
            for frame, cell in cells:
                if cell is not None:
                    link = link_of(cell.number) if cell.drawn and cell.number is not None else ""
                    body.append(_special((index, frame), cell, columns[frame], y, link))
    width, height = _LEFT + len(columns) * _STEP, _TOP + len(rows) * _STEP
    return Markup(
        '<svg class="map" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="group" aria-label="{2}">{3}</svg>'
    ).format(width, height, f"Slices down, frames across: {coverage.summary()}", Markup("").join(body))


_WIDTH, _HEIGHT, _PAD_LEFT, _PAD_TOP, _PAD_BOTTOM = 520, 220, 44, 12, 30


def ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two values."""
    span = high - low
    step = next(
        (base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5) if span / (base * 10.0**power) <= 5), span
    )
    first = int(low / step) + (low > int(low / step) * step)
    ticks = []
    while (value := first * step) <= high + 1e-9:
        ticks.append(round(value, 10))
        first += 1
    return ticks


def line_chart(history: Sequence[Epoch], series: Sequence[tuple[str, str]], label: str) -> Markup:
    """Figures by epoch.

    Parameters
    ----------
    series : (name of the figure, how to call it); drawn in the classes s0, s1, ...
    label : the chart in words
    """
    lines = []
    for name, text in series:
        points = [(epoch.epoch, value) for epoch in history if (value := epoch.figures.get(name)) is not None]
        if points:
            lines.append((text, points))
    if not lines:
        return Markup("")
    values = [value for _, points in lines for _, value in points]
    low, high = min(0.0, *values), max(values)
    high = high if high > low else low + 1
    last = max(epoch.epoch for epoch in history)
    inner_width, inner_height = _WIDTH - _PAD_LEFT - 12, _HEIGHT - _PAD_TOP - _PAD_BOTTOM

    def x(epoch: int) -> float:
        return round(_PAD_LEFT + inner_width * ((epoch - 1) / (last - 1) if last > 1 else 0.5), 1)

    def y(value: float) -> float:
        return round(_PAD_TOP + inner_height * (1 - (value - low) / (high - low)), 1)

    grid = Markup(
        '<path class="c-grid" d="M{} {}H{}"/><text class="c-axis" x="{}" y="{}" text-anchor="end">{:g}</text>'
    )
    mark = Markup('<text class="c-axis" x="{}" y="{}" text-anchor="middle">{}</text>')
    body = [grid.format(_PAD_LEFT, y(tick), _WIDTH - 12, _PAD_LEFT - 6, y(tick) + 4, tick) for tick in ticks(low, high)]
    round_epochs = [
        int(t) for t in ticks(1, last) if t == int(t) and x(last) - x(int(t)) > 24 and x(int(t)) - x(1) > 16
    ]
    body += [mark.format(x(epoch), _HEIGHT - 12, epoch) for epoch in sorted({1, last, *round_epochs})]
    legend = []
    for i, (text, points) in enumerate(lines):
        path = " ".join(f"{x(epoch)},{y(value)}" for epoch, value in points)
        if len(points) > 1:
            body.append(Markup('<polyline class="c-line s{}" points="{}"/>').format(i, path))
        else:
            body.append(Markup('<circle class="c-dot s{}" cx="{}" cy="{}" r="3"/>').format(i, *path.split(",")))
        legend.append(Markup('<span class="key s{}">{}</span>').format(i, text))
    return Markup(
        '<figure class="chart"><svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>'
        "<figcaption>{4}<span>by epoch</span></figcaption></figure>"
    ).format(_WIDTH, _HEIGHT, escape(label), Markup("").join(body), Markup("").join(legend))


_STRIP_PAD, _DOT, _MOST_LANES = 16, 4.2, 12


def strip_plot(points: Sequence[tuple[str, float, str]], title: str, unit: str) -> Markup:
    """One dot a patient along an axis; dots beyond the fences stand out and are named.

    Parameters
    ----------
    points : (patient's id, value, address of the patient's page or "")
    """
    if not points:
        return Markup("")
    ordered = sorted(points, key=lambda point: (point[1], point[0]))
    values = [value for _, value, _ in ordered]
    span = (values[-1] - values[0]) or abs(values[0]) or 1.0
    low, high = values[0] - 0.06 * span, values[-1] + 0.06 * span
    inner = _WIDTH - 2 * _STRIP_PAD

    def x(value: float) -> float:
        return round(_STRIP_PAD + inner * (value - low) / (high - low), 1)

    lanes: list[float] = []
    lane_of: list[int] = []
    for value in values:
        lane = next((i for i, last in enumerate(lanes) if x(value) - last >= 2 * _DOT), len(lanes))
        lanes[lane : lane + 1] = [x(value)]
        lane_of.append(lane % _MOST_LANES)
    axis = round(24 + max(lane_of) * 2 * _DOT)
    body = [
        Markup('<text class="c-axis" x="{}" y="{}" text-anchor="middle">{:g}</text>').format(x(t), axis + 18, t)
        for t in ticks(low, high)
    ]
    body.append(Markup('<path class="c-grid" d="M{} {}H{}"/>').format(_STRIP_PAD, axis, _WIDTH - _STRIP_PAD))
    for (name, value, link), lane, far in zip(ordered, lane_of, outliers(values), strict=True):
        y = round(axis - 10 - lane * 2 * _DOT, 1)
        dot = Markup('<circle class="d-dot{}" cx="{}" cy="{}" r="{}"><title>{}: {:.4g} {}</title></circle>').format(
            " d-far" if far else "", x(value), y, _DOT + far, name, value, unit
        )
        if far:
            end = x(value) > _WIDTH / 2
            dot += Markup('<text class="d-name" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                x(value) + (-8 if end else 8), y + 4, "end" if end else "start", name
            )
        body.append(Markup('<a href="{}">{}</a>').format(link, dot) if link else dot)
    return Markup(
        '<figure class="chart"><svg viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>'
        "<figcaption><strong>{}</strong><span>{}, {} patients</span></figcaption></figure>"
    ).format(_WIDTH, axis + 24, title, Markup("").join(body), title, unit, len(points))
