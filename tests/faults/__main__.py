"""python3 -m faults: see the help below, or make test-faults ARGS=--help."""
import argparse
import secrets
import sys

from faults.machine import not_available
from faults.report import Report
from faults.schedule import KINDS

_EXAMPLES = """
Each schedule is a store of its own: two servers, one PostgreSQL, writers, subscribers, a consumer group. Faults come at random,
by the seed; then everything is repaired and what was promised is held against what is there. Schedules have the seeds
SEED, SEED+1, and so on. A seed gives the same faults at the same times; what the load does meanwhile differs.

examples:
  make test-faults                                                     three schedules of 15 s
  make test-faults ARGS="--schedules 50 --seconds 60 --jobs 2"         the long run, more than half an hour
  make test-faults ARGS="--seed 7 --schedules 1 --seconds 60"          this one again
  make test-faults ARGS="--faults kill-postmaster,restore --keep"      with these alone, and everything is kept to be looked at

faults:
"""


def _parse(arguments):
    kinds = "\n".join(f"  {kind:16} {text}" for kind, text in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="make test-faults", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_EXAMPLES + kinds,
        description="Random schedules of faults against real servers under load. Exit code 0: every promise was kept; 1: not; 2: usage.")
    parser.add_argument("--schedules", type=int, default=3, metavar="N", help="how many (default 3)")
    parser.add_argument("--seconds", type=float, default=15, metavar="S", help="how long each has faults (default 15)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the first schedule (default: random, and printed)")
    parser.add_argument("--faults", metavar="LIST", help="which, separated by commas (default: all that can be had here)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="how many at once (default 1)")
    parser.add_argument("--keep", action="store_true", help="keep databases and logs of all schedules; otherwise logs of those that fail")
    parser.add_argument("--json", metavar="FILE", help="write the results there, too")
    options = parser.parse_args(arguments)
    if options.schedules < 1 or options.seconds < 2 or options.jobs < 1:
        parser.error("--schedules and --jobs have to be 1 or more, --seconds 2 or more")
    if options.seed is None:
        options.seed = secrets.randbelow(1_000_000)
    missing = not_available()
    options.all_faults = [kind for kind in KINDS if kind not in missing]
    wanted = options.faults.split(",") if options.faults else options.all_faults
    for kind in wanted:
        if kind not in KINDS:
            parser.error(f"there is no fault {kind!r}; there are {', '.join(KINDS)}")
        if kind in missing:
            parser.error(f"{kind} cannot be tried here: {missing[kind]}")
    options.faults = [kind for kind in KINDS if kind in wanted]
    return options, missing


def main(arguments):
    options, missing = _parse(arguments)
    # Not before: it needs what is built, and the help does not.
    from faults.runner import run_all

    report = Report(options)
    report.say(f"seed {options.seed}: {options.schedules} schedules of {options.seconds:g} s, {options.jobs} at once")
    for kind, reason in missing.items():
        report.say(f"not tried: {kind}: {reason}")
    results = run_all(range(options.seed, options.seed + options.schedules), options, report)
    ok = report.summary(results, missing)
    if options.json:
        report.write(options.json, results, missing, ok)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
