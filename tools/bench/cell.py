"""One figure that is measured again and again: what it is called, who it belongs to, and how one sample is taken."""

import dataclasses
import typing


class Unavailable(Exception):
    """A contender that cannot run here; the text says why."""


@dataclasses.dataclass
class Cell:
    name: str  # in report.json
    group: str  # what --only names
    title: str  # in tables and charts
    # sample(seconds) -> {"rate": events a second, "p50_ms": ..., ...}
    sample: typing.Callable[[float], dict]
    # Which layers and promises the figure includes; a figure without this tells nothing.
    durability: str = "fsync before the answer"
    layer: str = "gRPC"
    unit: str = "events/s"


@dataclasses.dataclass
class Context:
    """What every group of cells gets."""

    cluster: object
    folder: str  # for files of the run; emptied by "make clean" alone
    binaries: str
    seconds: float
    warmup: float
    payload: int
    source: str  # this folder


def payload_text(size, filler="x"):
    """A JSON object of so many bytes, as eventbench makes them."""
    return '{"text":"' + filler * (size - 11) + '"}'
