"""What people see while schedules run and at the end, and the same as JSON."""
import json
import sys
import time

_EVERY_S = 15


def rerun(result, options):
    kinds = "" if options.faults == options.all_faults else " --faults " + ",".join(options.faults)
    return f'make test-faults ARGS="--seed {result["seed"]} --schedules 1 --seconds {options.seconds:g}{kinds}"'


class Report:
    def __init__(self, options):
        self._options, self._began = options, time.monotonic()
        self._done, self._failed, self._events, self._faults = 0, 0, 0, 0
        self._took, self._told_at = [], 0.0
        self._terminal = sys.stdout.isatty()

    def say(self, text):
        if self._terminal:
            print("\r\033[K", end="")
        print(text, flush=True)

    def ended(self, result):
        self._done += 1
        self._failed += not result["ok"]
        self._events += result["acknowledged"]
        self._faults += result["faults"]
        self._took.append(result["took"])
        word = "ok" if result["ok"] else "FAILED"
        self.say(f"[{self._done}/{self._options.schedules}] seed {result['seed']}: {word}, {result['acknowledged']} events acknowledged, "
                 f"{result['stored']} stored, {result['faults']} faults, {result['took']:.0f} s")
        for line in result["timeline"]:
            self.say(f"    {line['at']:7.2f} s  {line['text']}")
        for problem in result["problems"]:
            self.say(f"  {problem['kind']}: {problem['text']}")
        if not result["ok"]:
            self.say(f"  again: {rerun(result, self._options)}")
        if "folder" in result:
            self.say(f"  kept: {result['folder']}")

    def progress(self, running, waiting):
        now = time.monotonic()
        if now - self._told_at < (0.5 if self._terminal else _EVERY_S):
            return
        self._told_at = now
        events = self._events + sum(one.acknowledged for one in running)
        elapsed = now - self._began
        phases = ", ".join(f"{one.seed} {one.phase}" for one in running) or "none"
        text = (f"{self._done}/{self._options.schedules} done, {self._failed} failed; running: {phases}; {events} events, "
                f"{events / max(elapsed, 1):.0f}/s; {elapsed / 60:.1f} min, {self._left(running, waiting, now)}")
        print(("\r\033[K" if self._terminal else "") + text, end="" if self._terminal else "\n", flush=True)

    def _left(self, running, waiting, now):
        # Before the first one has ended: what is planned and something for the rest.
        each = sum(self._took) / len(self._took) if self._took else self._options.seconds + 15
        at_once = max(1, min(self._options.jobs, waiting + len(running)))
        seconds = (waiting * each + sum(max(1.0, each - (now - one.began)) for one in running)) / at_once
        return f"about {seconds / 60:.1f} min left"

    def summary(self, results, missing):
        """Whether all is well."""
        kinds = {}
        for result in results:
            for kind in result["kinds"]:
                kinds[kind] = kinds.get(kind, 0) + 1
        found = {}
        for result in results:
            for problem in result["problems"]:
                found[problem["kind"]] = found.get(problem["kind"], 0) + 1
        rows = [("schedules", len(results)), ("passed", sum(result["ok"] for result in results)),
                ("failed", sum(not result["ok"] for result in results)),
                ("events acknowledged", sum(result["acknowledged"] for result in results)),
                ("events stored at the end", sum(result["stored"] for result in results)),
                ("faults", sum(result["faults"] for result in results)),
                ("attempts that failed", sum(sum(result["errors"].values()) for result in results))]
        rows += [(kind, found.get(kind, 0)) for kind in ("lost", "doubled", "reordered", "skipped")]
        rows += [(kind, count) for kind, count in sorted(found.items()) if kind not in ("lost", "doubled", "reordered", "skipped")]
        self.say("")
        for name, value in rows:
            self.say(f"{name:28} {value:>10}")
        self.say("")
        self.say("fault             schedules that had it")
        for kind in self._options.faults:
            self.say(f"{kind:18}{kinds.get(kind, 0):>6}")
        for kind, reason in missing.items():
            self.say(f"not tried: {kind}: {reason}")
        for result in results:
            if not result["ok"]:
                self.say(f"failed: {rerun(result, self._options)}")
        return bool(results) and all(result["ok"] for result in results)

    def write(self, path, results, missing, ok):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"ok": ok, "seed": self._options.seed, "schedules": results, "not_tried": missing,
                       "seconds": round(time.monotonic() - self._began, 1)}, file, indent=1)
            file.write("\n")
