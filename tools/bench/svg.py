"""Charts as SVG that follow the reader's light or dark colours: bars, and lines over a logarithmic axis."""

import html
import math

# Told apart also by those who do not see red and green as different (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}.h{font-size:15px;font-weight:600}.g{stroke:#d0d7de}"
    ".p{fill:#fff}.w{stroke:#24292f;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.g{stroke:#30363d}.p{fill:#0d1117}.w{stroke:#e6edf3}}</style>"
)


def _document(width, height, title, body):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{html.escape(title)}">\n{_STYLE}\n<rect class="p" width="{width}" height="{height}"/>\n'
        f'<text class="h" x="16" y="26">{html.escape(title)}</text>\n' + "\n".join(body) + "\n</svg>\n"
    )


def _step(span, steps):
    """1, 2 or 5 times a power of ten."""
    rough = max(span, 1e-9) / steps
    power = 10 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)


def bars(title, rows, unit):
    """rows: (label, value, low, high, colour number). The whisker goes from the lowest to the highest sample."""
    left, right, line, top = 380, 90, 24, 48
    width, height = 950, top + line * len(rows) + 40
    largest = max([high for *_, high, _ in rows] + [1e-9])
    step = _step(largest, 5)

    def x(value):
        return left + value / largest * (width - left - right)

    body = []
    for i in range(int(largest / step) + 1):
        at = x(i * step)
        body.append(f'<line class="g" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 6}" y2="{height - 34}"/>')
        body.append(f'<text text-anchor="middle" x="{at:.1f}" y="{height - 16}">{i * step:,.0f}</text>')
    body.append(f'<text x="{width - right + 8}" y="{height - 16}">{html.escape(unit)}</text>')
    for i, (label, value, low, high, colour) in enumerate(rows):
        y = top + i * line
        body.append(f'<text text-anchor="end" x="{left - 8}" y="{y + 15}">{html.escape(label)}</text>')
        body.append(
            f'<rect x="{left}" y="{y + 3}" width="{max(1, x(value) - left):.1f}" height="{line - 8}" '
            f'fill="{_COLOURS[colour % len(_COLOURS)]}"/>'
        )
        body.append(f'<line class="w" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y + 11}" y2="{y + 11}"/>')
        body.append(f'<text x="{x(high) + 6:.1f}" y="{y + 15}">{value:,.0f}</text>')
    return _document(width, height, title, body)


def lines(title, series, x_label, y_label, log_x=True):
    """series: {name: [(x, y), ...]}."""
    left, right, top, bottom, width, height = 80, 190, 50, 60, 860, 360
    xs = [x for points in series.values() for x, _ in points] or [1]
    ys = [y for points in series.values() for _, y in points] or [1]
    low, high = min(xs), max(max(xs), min(xs) * 1.001 + 1e-9)
    step = _step(max(ys), 4)
    largest = math.ceil(max(max(ys), 1e-9) / step) * step

    def x(value):
        share = math.log(value / low) / math.log(high / low) if log_x else (value - low) / (high - low)
        return left + share * (width - left - right)

    def y(value):
        return height - bottom - value / largest * (height - top - bottom)

    body = []
    for i in range(round(largest / step) + 1):
        at = y(i * step)
        body.append(f'<line class="g" x1="{left}" x2="{width - right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        body.append(f'<text text-anchor="end" x="{left - 8}" y="{at + 4:.1f}">{i * step:,g}</text>')
    for value in sorted(set(xs)):
        body.append(f'<text text-anchor="middle" x="{x(value):.1f}" y="{height - bottom + 18}">{value:,g}</text>')
    body.append(
        f'<text text-anchor="middle" x="{(left + width - right) / 2}" y="{height - 14}">{html.escape(x_label)}</text>'
    )
    body.append(
        f'<text text-anchor="middle" transform="translate(18 {(top + height - bottom) / 2}) rotate(-90)">'
        f"{html.escape(y_label)}</text>"
    )
    free = top
    ends = sorted((y(points[-1][1]), i, name) for i, (name, points) in enumerate(series.items()) if points)
    for i, (name, points) in enumerate(series.items()):
        path = " ".join(f"{x(px):.1f},{y(py):.1f}" for px, py in points)
        colour = _COLOURS[i % len(_COLOURS)]
        body.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{path}"/>')
        body += [f'<circle cx="{x(px):.1f}" cy="{y(py):.1f}" r="3" fill="{colour}"/>' for px, py in points]
    for at, i, name in ends:
        at = max(at, free)
        free = at + 16
        body.append(
            f'<rect x="{width - right + 8}" y="{at - 5:.1f}" width="10" height="10" fill="{_COLOURS[i % len(_COLOURS)]}"/>'
        )
        body.append(f'<text x="{width - right + 24}" y="{at + 4:.1f}">{html.escape(name)}</text>')
    return _document(width, height, title, body)
