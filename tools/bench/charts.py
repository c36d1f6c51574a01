"""Which charts are drawn from a report, and where they go: docs/benchmarks/."""

import os

import svg

_COLOUR_OF = {"ours": 0, "copy": 4, "sql": 1, "messagedb": 3, "emmett": 3, "nats": 5, "umadb": 2}


def _write(folder, name, text):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def _throughput(data):
    rows = []
    for cell in data["cells"].values():
        if "median" in cell and cell["durability"] != "read":
            low, high = cell["range"]
            rows.append((cell["title"], cell["median"]["rate"], low, high, _COLOUR_OF.get(cell["group"], 0)))
    return rows


def draw(data, folder):
    """(title, file name) of each chart that there was something for."""
    drawn = []
    rows = _throughput(data)
    if rows:
        title = "Appends: events a second, median, and from the lowest to the highest sample"
        _write(folder, "throughput.svg", svg.bars(title, rows, "events/s"))
        drawn.append((title, "throughput.svg"))
    for chart in data["growth"].get("charts", []):
        series = {name: [tuple(point) for point in points] for name, points in chart["series"].items()}
        _write(folder, chart["file"], svg.lines(chart["title"], series, chart["x"], chart["y"]))
        drawn.append((chart["title"], chart["file"]))
    return drawn
