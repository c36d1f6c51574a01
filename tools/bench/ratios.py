"""The figures that the project set out to reach, each a quotient of two cells of one run, or the figure of one cell."""

import dataclasses

_PG_PEERS = ("messagedb_64", "messagedb_64_one_category", "messagedb_1", "emmett_64", "emmett_1")


@dataclasses.dataclass
class Ratio:
    key: str
    target: float
    above: tuple  # cells; the best of those that ran
    below: tuple  # none: the figure itself
    figure: str = "rate"
    at_most: bool = False  # the target is a limit, not a floor


BENCH = [
    Ratio("append_unary_64_vs_best_pg_peer", 2.5, ("unary_64",), _PG_PEERS),
    Ratio("append_unary_64_vs_copy_1", 0.45, ("unary_64",), ("copy_1",)),
    Ratio("append_stream_vs_copy_1", 1.0, ("stream_256",), ("copy_1",)),
    Ratio("append_stream_vs_best_pg_peer", 5, ("stream_256",), _PG_PEERS),
    Ratio("append_batch_100_vs_copy_1", 1.1, ("batch_100",), ("copy_1",)),
    Ratio("append_unary_p50_1_vs_sql_cas_p50", 1.8, ("unary_1",), ("sql_cas_1",), figure="p50_ms", at_most=True),
    Ratio("hot_aggregate_vs_distinct", 1.0, ("hot_any_64",), ("distinct_any_64",)),
    Ratio("replay_vs_copy_out", 0.5, ("replay",), ("copy_out",)),
    Ratio("append_unary_64_vs_umadb", 1.0, ("unary_64",), ("umadb_64",)),
    Ratio("delivery_2k_p50_ms", 5, ("delivery_2k",), (), figure="p50_ms", at_most=True),
    Ratio("delivery_2k_p99_ms", 20, ("delivery_2k",), (), figure="p99_ms", at_most=True),
    Ratio("catch_up_vs_copy_out", 0.5, ("catch_up",), ("copy_out_all",)),
    Ratio("reads_of_100_subscribers_vs_1", 2, ("followers_100",), ("followers_1",), at_most=True),
    Ratio("group_vs_subscription", 0.5, ("group_4",), ("catch_up",)),
]

# Of make bench-growth, which computes them itself.
GROWTH = [
    ("stream_read_3650_chunks_vs_1", 1.5, True),
    ("stream_read_10_year_aggregate_ms", 20, True),
    ("append_10m_events_vs_empty", 0.85, False),
]

# Memory of the server; they have no place among the ratios.
MEMORY = [
    ("server_rss_idle_mib", 40, True),
    ("server_rss_1000_streams_mib", 150, True),
]


def targets():
    """key -> (target, whether it is a limit), of everything above."""
    table = {ratio.key: (ratio.target, ratio.at_most) for ratio in BENCH}
    table.update({key: (target, at_most) for key, target, at_most in GROWTH + MEMORY})
    return table


def met(key, value):
    target, at_most = targets()[key]
    return value <= target if at_most else value >= target


def compute(cells):
    """(key -> value or None, key -> why there is none) from the report's cells."""

    def best(names, figure):
        values = [cells[name]["median"][figure] for name in names if "median" in cells.get(name, {})]
        return (min if figure.endswith("_ms") else max)(values) if values else None

    def reason(names):
        told = [f"{name}: {cells[name]['why_not']}" for name in names if "why_not" in cells.get(name, {})]
        return "; ".join(told) or f"{', '.join(names)}: not part of this run"

    values, why_not = {}, {}
    for ratio in BENCH:
        above = best(ratio.above, ratio.figure)
        below = best(ratio.below, ratio.figure) if ratio.below else 1
        values[ratio.key] = round(above / below, 3) if above and below else None
        if not above or not below:
            why_not[ratio.key] = reason(ratio.below if above else ratio.above)
    return values, why_not
