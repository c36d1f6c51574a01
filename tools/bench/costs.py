"""Where the processors' time goes while something is measured: client, server, PostgreSQL, and none of them."""

import machine

# What a sample keeps of it.
CLIENT, SERVER, POSTGRES, IDLE = "client_us", "server_us", "postgres_us", "running_idle"


class Costs:
    """From construction to per_event(). `server`: the process of the event store, where there is one."""

    def __init__(self, cluster, server=None):
        self._cluster = cluster
        self._server = server
        self._watch = machine.Watch()
        self._children = machine.ended_children_seconds()
        self._used = self._now()

    def _now(self):
        server = machine.cpu_seconds(self._server) if self._server else 0.0
        return server, machine.tree_seconds(self._cluster.postmaster)

    def per_event(self, events, client_us=None):
        """Microseconds an event, when this had so many. `client_us`: as the client says itself; else it is what the
        programs took that have ended since."""
        idle = self._watch.shares()["idle"]
        server, postgres = (1e6 * (b - a) / max(1, events) for a, b in zip(self._used, self._now()))
        if client_us is None:
            client_us = 1e6 * (machine.ended_children_seconds() - self._children) / max(1, events)
        return {CLIENT: client_us, SERVER: server, POSTGRES: postgres, IDLE: idle}


def client_us(result, kind):
    """Of eventbench, which leaves out its warming up."""
    events = result["operations"].get(kind, {}).get("events_per_second", 0) * result["seconds"]
    return 1e6 * result["client_cpu_seconds"] / max(1, events)


def table(cells):
    """Lines of a table, of the cells that were measured so; none if there are none."""
    rows = [(cell["title"], cell["median"]) for cell in cells.values() if POSTGRES in cell.get("median", {})]
    if not rows:
        return []
    lines = [
        "| µs of processor an event | client | server | PostgreSQL | all | idle |",
        "|---|---|---|---|---|---|",
    ]
    for title, median in rows:
        parts = [median[key] for key in (CLIENT, SERVER, POSTGRES)]
        shown = " | ".join(_microseconds(value) for value in parts)
        lines.append(f"| {title} | {shown} | {_microseconds(sum(parts))} | {median[IDLE]:.0%} |")
    return lines


def _microseconds(value):
    return "" if value == 0 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
