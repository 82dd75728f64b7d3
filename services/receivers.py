"""What follows here from facts of the rooms below."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from auditlog.actors import Actor
from companies.models import Membership
from companies.signals import membership_end_set, membership_ended, membership_suspended
from services.operations import follow_last_day, release_seats_of


@receiver(membership_ended, dispatch_uid="services.release_seats_of_ended")
def release_seats_of_ended(
    *, membership: Membership, actor: Actor, now: datetime, **kwargs: Any
) -> None:
    release_seats_of(membership=membership, reason="membership_ended", actor=actor, now=now)


@receiver(membership_suspended, dispatch_uid="services.release_seats_of_suspended")
def release_seats_of_suspended(
    *, membership: Membership, actor: Actor, now: datetime, **kwargs: Any
) -> None:
    release_seats_of(membership=membership, reason="membership_suspended", actor=actor, now=now)


@receiver(membership_end_set, dispatch_uid="services.follow_last_day")
def let_seats_follow_last_day(
    *, membership: Membership, before: datetime | None, **kwargs: Any
) -> None:
    follow_last_day(membership=membership, before=before, now=kwargs["now"])
