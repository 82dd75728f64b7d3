"""What a monitoring system asks at /-/metrics, in Prometheus' text format.

Everything is read when it is asked for, from the database that all processes share: which of them
answers makes no difference, and there is nothing to add up. Nothing tells of a person or company.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from accounts.events import PersonEvent, SignInEvent
from auditlog.queries import count_events
from oidc.events import ProviderEvent
from statuspage.models import Component, ComponentStatus
from vop.lib import health, jobs

logger = logging.getLogger(__name__)

LOOK_BACK = timedelta(minutes=5)
COUNTED = (
    SignInEvent.SUCCEEDED,
    SignInEvent.FAILED,
    PersonEvent.DEACTIVATED,
    ProviderEvent.AUTHORIZATION_GRANTED,
    ProviderEvent.AUTHORIZATION_DENIED,
    ProviderEvent.TOKEN_ISSUED,
    ProviderEvent.TOKEN_REFRESHED,
    ProviderEvent.TOKEN_REUSE_DETECTED,
    ProviderEvent.LOGOUT_NOTIFY_FAILED,
)


def write_metrics(now: datetime) -> bytes:
    """Write every figure as it is at an instant; the database being away, only that it is."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(now))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        found = health.check_all(now=self.now)
        yield _gauge(
            "vop_dependency_up",
            "1 when it answers and keeps up",
            "dependency",
            {name: float(word == health.OK) for name, word in found.items()},
        )
        try:
            yield from self._read_database()
        except (DatabaseError, InterfaceError):
            logger.warning("The database is away: no figures of it")

    def _read_database(self) -> Iterator[Metric]:
        figures = jobs.measure(now=self.now)
        yield GaugeMetricFamily("vop_jobs_due", "Jobs that wait for a worker", figures.due)
        yield GaugeMetricFamily(
            "vop_jobs_oldest_due_seconds",
            "How long the first of them has waited",
            figures.oldest_due.total_seconds(),
        )
        yield GaugeMetricFamily(
            "vop_jobs_given_up", "Jobs that failed too often: somebody must look", figures.given_up
        )
        counts = count_events(COUNTED, since=self.now - LOOK_BACK)
        yield _gauge(
            "vop_recent_events",
            "Events of the last five minutes",
            "action",
            {event.value: float(counts.get(event.value, 0)) for event in COUNTED},
        )
        states = GaugeMetricFamily(
            "vop_component_severity",
            "0 works, 1 is under maintenance, 2 degraded, 3 partly down, 4 down",
            labels=["component", "tier"],
        )
        for component in Component.objects.in_order():
            severity = ComponentStatus(component.status).severity
            states.add_metric([component.name.in_language("en"), component.tier], severity)
        yield states


def _gauge(name: str, told: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
