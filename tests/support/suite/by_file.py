"""pytest-xdist's `--dist loadfile`, going on to the last file where a process of tests crashed.

xdist 3.8 hands out anew all files that the lost process ever had. One without open tests is never reported as done, and
who gets several of them waits for the next for ever.
"""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class ByFile(LoadFileScheduling):
    """Hands out whole files, to a lost process's successor only those with open tests."""

    def remove_node(self, node: WorkerController) -> str | None:
        files = self.assigned_work[node]
        self.assigned_work[node] = {file: tests for file, tests in files.items() if not all(tests.values())}
        return super().remove_node(node)
