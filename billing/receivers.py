"""What follows here from facts of the rooms below."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from auditlog.actors import Actor
from billing.operations import follow_ended_mandate, follow_replaced_firm
from companies.models import Mandate
from companies.signals import firm_replaced, mandate_ended


@receiver(firm_replaced, dispatch_uid="billing.let_new_firm_pay")
def let_new_firm_pay(
    *, old: Mandate, new: Mandate, actor: Actor, now: datetime, **kwargs: Any
) -> None:
    follow_replaced_firm(old=old, new=new, actor=actor, now=now)


@receiver(mandate_ended, dispatch_uid="billing.let_client_pay")
def let_client_pay(*, mandate: Mandate, actor: Actor, now: datetime, **kwargs: Any) -> None:
    follow_ended_mandate(mandate=mandate, actor=actor, now=now)
