"""What the two commands have in common: flags, where things go, and when docs/benchmarks.md is written."""

import os

import charts
import costs
import markdown
import ratios

# Fewer samples than this are a look, not a result.
_ENOUGH_ROUNDS = 5


def add_common(parser, rounds, seconds):
    parser.add_argument("--rounds", type=int, default=rounds, help=f"samples of each figure (default {rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"of each sample (default {seconds})")
    parser.add_argument("--warmup", type=float, default=2, help="seconds before each sample (default 2)")
    parser.add_argument("--payload", type=int, default=200, help="bytes of data of an event (default 200)")
    parser.add_argument(
        "--folder", default="build/bench", help="where everything of the run goes (default build/bench)"
    )
    parser.add_argument(
        "--binaries", default="build/bin", help="where eventstored and eventbench are (default build/bin)"
    )
    parser.add_argument(
        "--docs",
        choices=("yes", "no"),
        help=f"write docs/benchmarks.md and its charts; by default a whole run of {_ENOUGH_ROUNDS} rounds or more does",
    )


def described(arguments):
    """The arguments that change what is measured; where files are does not."""
    shown = ("rounds", "seconds", "warmup", "payload", "only", "max_events", "max_chunks")
    given = {name: value for name, value in vars(arguments).items() if name in shown and value != ""}
    return ", ".join(
        f"{name.replace('_', '-')} {value:g}" if isinstance(value, float) else f"{name.replace('_', '-')} {value}"
        for name, value in given.items()
    )


def folder_of(arguments):
    folder = os.path.abspath(arguments.folder)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    return folder


def finish(report, arguments, complete):
    """Writes what is to be written, and prints how it went. `complete`: nothing was left out or interrupted."""
    report.save()
    write = arguments.docs == "yes" or (arguments.docs is None and complete and arguments.rounds >= _ENOUGH_ROUNDS)
    if write:
        markdown.update("docs/benchmarks.md", report.data, charts.draw(report.data, "docs/benchmarks"))
    print(f"\n{report.path}:")
    values = {**report.data["ratios"], **report.data["memory"]}
    for key, (target, at_most) in ratios.targets().items():
        value = values.get(key)
        verdict = "not measured" if value is None else f"{value:g} {'met' if ratios.met(key, value) else 'MISSED'}"
        print(f"  {key:<36} {'<=' if at_most else '>='} {target:<5g} {verdict}")
    for line in costs.table(report.data["cells"]):
        print(f"  {line}")
    if write:
        print("docs/benchmarks.md and docs/benchmarks/ are written")
    else:
        print(
            f"docs/benchmarks.md is left as it is: it takes a whole run of {_ENOUGH_ROUNDS} rounds or more, or --docs yes"
        )
