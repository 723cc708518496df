"""The table of prewarm's runs."""

from datetime import datetime

from django.db import models
from django.utils import timezone as clock

from prewarm import unended


class PrewarmRunQuerySet(models.QuerySet["PrewarmRun"]):
    """Runs, and the named selections of them."""

    def older_than(self, moment: datetime) -> "PrewarmRunQuerySet":
        """The runs that started before `moment`."""
        return self.filter(started__lt=moment)


class PrewarmRun(models.Model):
    """One run of `manage.py prewarm`, or one "prewarm now" of staff, which may overlap with the command's."""

    #: By exit code, which is null while the run goes on, and stays null if it was killed.
    RESULTS = ((0, "good"), (1, "some failed"), (2, "none done"))

    started = models.DateTimeField(default=clock.now, db_index=True)
    finished = models.DateTimeField(null=True, blank=True)
    took_seconds = models.FloatField(null=True, blank=True)
    refreshed = models.PositiveIntegerField(default=0, help_text="Cells fetched from Open-Meteo.")
    rederived = models.PositiveIntegerField(
        "re-derived", default=0, help_text="Answers derived again from a held forecast, without a call."
    )
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0, help_text="Calls to Open-Meteo.")
    weight = models.FloatField("budget spent", default=0, help_text="In Open-Meteo's own weight.")
    exit_code = models.PositiveSmallIntegerField("result", choices=RESULTS, null=True, blank=True)
    forced = models.BooleanField(default=False)
    # A default in the database too: during a rollout the release before, which has no such column, writes rows as well.
    by_staff = models.BooleanField("by staff", default=False, db_default=False)
    failed_cities = models.JSONField(default=list, blank=True)
    message = models.TextField(blank=True)

    objects = PrewarmRunQuerySet.as_manager()

    class Meta:
        ordering = ("-started", "-pk")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Run of {self.started:%Y-%m-%d %H:%M:%S} UTC"

    @property
    def result_in_words(self) -> str:
        """The result, or whether a run without one may still go on."""
        return self.get_exit_code_display() or unended.in_words(self.started)
