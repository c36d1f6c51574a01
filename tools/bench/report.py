"""build/bench/report.json: written after every round, so that a run that is ended early leaves what it has; bench
and growth each replace their own part."""

import datetime
import json
import os
import statistics

import machine
import ratios


def median_of(samples):
    """Figure by figure, of those that every sample has as a number."""
    figures = {}
    for key in samples[0]:
        values = [sample.get(key) for sample in samples]
        if all(isinstance(value, (int, float)) for value in values):
            figures[key] = statistics.median(values)
    return figures


class Report:
    def __init__(self, path):
        self.path = path
        self.data = {"ratios": {}, "why_not": {}, "memory": {}, "cells": {}, "growth": {}}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.data.update(json.load(file))

    def begin(self, part, cluster, arguments):
        """What this part was run on and with."""
        self.data[f"{part}_run"] = {
            "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "commit": machine.commit(),
            "machine": machine.describe(),
            "database": cluster.versions(),
            "arguments": arguments,
        }

    def add_cell(self, cell):
        entry = {"title": cell.title, "group": cell.group, "durability": cell.durability, "layer": cell.layer}
        self.data["cells"][cell.name] = {**entry, "unit": cell.unit, "samples": []}

    def add_sample(self, name, sample):
        entry = self.data["cells"][name]
        entry["samples"].append(sample)
        entry["median"] = median_of(entry["samples"])
        rates = [one["rate"] for one in entry["samples"]]
        entry["range"] = [min(rates), max(rates)]

    def cannot(self, name, title, group, reason):
        """A row that could not run says why."""
        entry = self.data["cells"].setdefault(name, {"title": title, "group": group, "samples": []})
        if not entry["samples"]:
            entry["why_not"] = reason
        else:
            entry.setdefault("failures", []).append(reason)

    def set_ratio(self, key, value, why_not=None):
        self.data["ratios"][key] = value
        self.data["why_not"].pop(key, None)
        if value is None:
            self.data["why_not"][key] = why_not or "not measured"

    def compute_ratios(self):
        values, why_not = ratios.compute(self.data["cells"])
        for key, value in values.items():
            self.set_ratio(key, value, why_not.get(key))

    def save(self):
        # Exactly the keys that are promised, those of the part that has not run yet included.
        promised = [ratio.key for ratio in ratios.BENCH] + [key for key, *_ in ratios.GROWTH]
        for key in promised:
            if key not in self.data["ratios"]:
                self.set_ratio(key, None)
        self.data["ratios"] = {key: self.data["ratios"][key] for key in promised}
        measured = {**self.data["ratios"], **self.data["memory"]}
        self.data["targets"] = {
            key: {
                "target": target,
                "limit": at_most,
                "met": None if measured.get(key) is None else ratios.met(key, measured[key]),
            }
            for key, (target, at_most) in ratios.targets().items()
        }
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.data, file, indent=1)
            file.write("\n")
        os.replace(self.path + ".new", self.path)
