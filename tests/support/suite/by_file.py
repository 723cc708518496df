"""pytest-xdist's `--dist loadfile`, going on to the last file where a process of tests crashed.

A process holds back its last test until it hears of another one, or that none follows. xdist 3.8 lets it wait for ever
in two cases after a crash: it hands out anew all files that the lost process ever had, also those without open tests;
and it gives a new process nothing after a file with one open test.
"""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController


class ByFile(LoadFileScheduling):
    """Hands out whole files, anew only those with open tests, and lets no process wait with a single test."""

    def remove_node(self, node: WorkerController) -> str | None:
        files = self.assigned_work[node]
        self.assigned_work[node] = {file: tests for file, tests in files.items() if not all(tests.values())}
        return super().remove_node(node)

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        if self._pending_of(self.assigned_work[node]) == 1:
            super()._reschedule(node)
