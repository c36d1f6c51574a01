"""The commands of a page of docs/, run as they stand there: each block of shell under a comment <!-- step: NAME -->."""
import os
import re
import subprocess

_DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs")
_BLOCK = re.compile(r"<!-- step: ([^>]+?) -->\n+```(?:sh|sql)\n(.*?)```", re.DOTALL)


class Steps:
    """`environment`: the names that the page's first block sets, and what else the commands need."""

    def __init__(self, page, **environment):
        with open(os.path.join(_DOCS, page), encoding="utf-8") as file:
            self._blocks = dict(_BLOCK.findall(file.read()))
        self.environment = environment

    def names(self):
        """What the block "names" sets."""
        return re.findall(r"^(\w+)=", self._blocks["names"], re.MULTILINE)

    def text(self, name):
        return self._blocks[name]

    def run(self, name, leave_out=None):
        """`leave_out`: lines that contain this are for another engine."""
        lines = self._blocks[name].splitlines()
        kept = [line for line in lines if leave_out is None or leave_out not in line]
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(kept)], capture_output=True, text=True,
                              env={**os.environ, **self.environment}, check=False, timeout=300)
        assert done.returncode == 0, f"step {name!r} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout
