"""The plot of Bland and Altman as inline SVG: a dot a patient, its difference over its mean; bias and limits, lines."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from cmrpipe.nouns import counted
from cmrpipe.report.figures import ticks

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520, 260, 48, 92, 14, 34


def agreement_plot(
    points: Sequence[tuple[str, float, float, str]],
    lines: tuple[float | None, float | None, float | None],
    title: str,
    unit: str,
) -> Markup:
    """Differences, model less expert.

    Parameters
    ----------
    points : (patient's id, by the expert, by the model, address of the patient's page or "")
    lines : bias, lower and upper limit of agreement; None where there are none
    title, unit : what is measured, and in what
    """
    placed = [(name, (expert + model) / 2, model - expert, link) for name, expert, model, link in points]
    across = [mean for _, mean, _, _ in placed]
    down = [difference for _, _, difference, _ in placed] + [line for line in lines if line is not None] + [0.0]
    x_low, x_high = _padded(across)
    y_low, y_high = _padded(down)

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - x_low) / (x_high - x_low), 1)

    def y(value: float) -> float:
        return round(_TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - (value - y_low) / (y_high - y_low)), 1)

    end = _WIDTH - _RIGHT
    grid = Markup(
        '<path class="c-grid" d="M{} {}H{}"/><text class="c-axis" x="{}" y="{}" text-anchor="end">{:g}</text>'
    )
    body = [grid.format(_LEFT, y(t), end, _LEFT - 6, y(t) + 4, t) for t in ticks(y_low, y_high)]
    mark = Markup('<text class="c-axis" x="{}" y="{}" text-anchor="middle">{:g}</text>')
    body += [mark.format(x(t), _HEIGHT - 16, t) for t in ticks(x_low, x_high)]
    names = ("bias", "-1.96 SD", "+1.96 SD")
    line_of = Markup('<path class="b-line{}" d="M{} {}H{}"/><text class="b-name" x="{}" y="{}">{} {:+.1f}</text>')
    for name, value in zip(names, lines, strict=True):
        if value is not None:
            kind = "" if name == "bias" else " b-limit"
            body.append(line_of.format(kind, _LEFT, y(value), end, end + 6, y(value) + 4, name, value))
    dot = Markup('<circle class="d-dot" cx="{}" cy="{}" r="4.2"><title>{}: {:+.1f} {} at {:.1f}</title></circle>')
    for name, mean, difference, link in sorted(placed):
        circle = dot.format(x(mean), y(difference), name, difference, unit, mean)
        body.append(Markup('<a href="{}">{}</a>').format(link, circle) if link else circle)
    patients = counted(len(placed), "patient")
    return Markup(
        '<figure class="chart"><svg viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>'
        "<figcaption><strong>{}</strong><span>model less expert over their mean, {}, n = {}</span></figcaption>"
        "</figure>"
    ).format(
        _WIDTH,
        _HEIGHT,
        f"Bland-Altman plot of {title.lower()}, {patients}",
        Markup("").join(body),
        title,
        unit,
        len(placed),
    )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    """A range that holds all values, with room; never empty."""
    low, high = min(values), max(values)
    room = 0.08 * (high - low) or max(1.0, 0.1 * abs(high))
    return low - room, high + room
