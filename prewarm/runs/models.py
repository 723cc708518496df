"""What each run of prewarm did."""

from datetime import datetime

from django.db import models
from django.utils import timezone as clock

from prewarm import unended


class PrewarmRunQuerySet(models.QuerySet["PrewarmRun"]):
    def older_than(self, moment: datetime) -> "PrewarmRunQuerySet":
        return self.filter(started__lt=moment)


class PrewarmRun(models.Model):
    """What one `manage.py prewarm` did, or a "prewarm now" of staff, which may go on beside the command."""

    #: By exit code; none yet while it runs, and for ever where it was killed.
    RESULTS = ((0, "good"), (1, "some failed"), (2, "none done"))

    started = models.DateTimeField(default=clock.now, db_index=True)
    finished = models.DateTimeField(null=True, blank=True)
    took_seconds = models.FloatField(null=True, blank=True)
    refreshed = models.PositiveIntegerField(default=0, help_text="Cells that Open-Meteo was asked for.")
    rederived = models.PositiveIntegerField(
        "worked out anew", default=0, help_text="Answers worked out from what was held."
    )
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0, help_text="Calls to Open-Meteo.")
    weight = models.FloatField("budget spent", default=0, help_text="In Open-Meteo's own weight.")
    exit_code = models.PositiveSmallIntegerField("result", choices=RESULTS, null=True, blank=True)
    forced = models.BooleanField(default=False)
    # The database has the default too: while a release rolls out, the one before writes rows as well.
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
        return self.get_exit_code_display() or unended.in_words(self.started)
