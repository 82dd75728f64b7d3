"""The provider's regular work."""

import uuid

from celery import shared_task
from django.utils import timezone

from auditlog.actors import Actor
from oidc.operations.grants import end_grants_outside_policy
from oidc.operations.grants import end_lapsed_grants as end_lapsed
from oidc.operations.housekeeping import purge_expired as purge
from oidc.operations.keys import maintain_signing_keys
from oidc.operations.logout import deliver_logout as deliver


@shared_task(name="oidc.rotate_signing_keys")
def rotate_signing_keys() -> None:
    maintain_signing_keys(actor=Actor.system(), now=timezone.now())


@shared_task(name="oidc.purge_expired")
def purge_expired() -> None:
    purge(now=timezone.now())


@shared_task(name="oidc.deliver_logout")
def deliver_logout(*, delivery_id: str) -> None:
    deliver(delivery_id=delivery_id, now=timezone.now())


@shared_task(name="oidc.end_lapsed_grants")
def end_lapsed_grants() -> None:
    while end_lapsed(now=timezone.now()):  # a large company that closes has many
        pass


@shared_task(name="oidc.apply_policy")
def apply_policy(*, company_id: str) -> None:
    end_grants_outside_policy(company_id=uuid.UUID(company_id), now=timezone.now())
