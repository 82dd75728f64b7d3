"""The work that must happen after a commit, as rows of that commit."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q


class JobQuerySet(models.QuerySet["Job"]):
    def due(self, now: datetime) -> Self:
        """Select jobs that nobody works on and whose time has come."""
        return self.filter(done_at=None, given_up_at=None, run_at__lte=now).filter(
            Q(leased_until=None) | Q(leased_until__lte=now)
        )


class Job(models.Model):
    """One piece of work: a task's name and arguments, its lease while a worker has it."""

    task = models.CharField(max_length=100)
    kwargs = models.JSONField()
    key = models.CharField(max_length=200, null=True, unique=True)
    created_at = models.DateTimeField()
    run_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)
    error = models.TextField(default="")

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["run_at", "id"],
                name="job_waiting",
                condition=Q(done_at=None, given_up_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.task} #{self.pk}"
