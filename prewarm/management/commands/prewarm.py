"""`manage.py prewarm`, which cron runs every ten minutes."""

import json
import shutil
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from prewarm.runs.run import CannotRun, Options, RunResult, run
from prewarm.runs.work import Advance


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _milliseconds(text: str) -> int:
    return 0 if text == "0" else _positive(text)


class Command(BaseCommand):
    """Parses arguments, runs prewarm and reports; the exit code is 0, 1 (some failed) or 2 (none done)."""

    help = "Keeps the weather of active cities, and of the places that people ask for, ready in Redis."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the options."""
        parser.add_argument("--dry-run", action="store_true", help="only report what would be done")
        parser.add_argument(
            "--force", action="store_true", help="refresh every active city, whatever its interval and the pace"
        )
        parser.add_argument("--limit", type=_positive, metavar="N", help="refresh at most N cells")
        parser.add_argument(
            "--pause-ms",
            type=_milliseconds,
            default=100,
            metavar="MS",
            help="pause after a call for each of its cells (100)",
        )
        parser.add_argument(
            "--batch-size", type=_positive, default=20, metavar="N", help="cells in one call, 100 at most (20)"
        )
        parser.add_argument(
            "--no-progress", action="store_true", help="no bar, and the summary as JSON, on a terminal too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Runs once; SIGTERM and SIGINT end the run early, with its summary."""
        self.is_stopped = False
        self.shows_progress = self.stdout.isatty() and not options["no_progress"]
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            result = run(
                Options(
                    dry_run=options["dry_run"],
                    force=options["force"],
                    limit=options["limit"],
                    pause_seconds=options["pause_ms"] / 1000,
                    batch_size=options["batch_size"],
                ),
                should_stop=lambda: self.is_stopped,
                progress=self._progress,
            )
        except CannotRun as reason:
            raise CommandError(str(reason), returncode=2) from None
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self._report(result)
        if result.exit_code:
            sys.exit(result.exit_code)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        # A plain flag: an Event has a lock, which the code that the signal interrupts may hold.
        self.is_stopped = True

    @contextmanager
    def _progress(self, what: str, total: int) -> Iterator[Advance]:
        if not self.shows_progress or not total:
            yield lambda done: None
            return
        from tqdm import tqdm  # imported late: cron's runs show no bar, and it is slow to load

        # Passed in, for tqdm draws nothing on a terminal that reports 0 columns and rows.
        columns, rows = shutil.get_terminal_size()
        with tqdm(total=total, desc=what, unit="cell", file=sys.stderr, ncols=columns, nrows=rows) as bar:
            yield bar.update

    def _report(self, result: RunResult) -> None:
        if not self.shows_progress:
            self.stdout.write(json.dumps(result.summary, ensure_ascii=False))
            return
        for name, value in result.summary.items():
            text = ", ".join(value) if isinstance(value, list) else value
            if text not in ("", None):
                self.stdout.write(f"{name.replace('_', ' ')}: {text}")
