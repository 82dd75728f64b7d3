"""What is over and told nobody anything any more goes."""

from datetime import datetime, timedelta

from oidc.models import (
    AccessToken,
    Grant,
    LogoutDelivery,
    MachineToken,
    PushedRequest,
    UsedAssertion,
)
from vop.lib.db import use_case

KEEP_ACCESS_TOKENS = timedelta(hours=1)
KEEP_PUSHED = timedelta(hours=1)  # as long as a person may take on the way
KEEP_GRANTS = timedelta(days=90)  # as long as the log keeps sign-ins


@use_case
def purge_expired(*, now: datetime) -> int:
    """Delete expired tokens, and grants three months after everything of them ended."""
    deleted = AccessToken.objects.filter(expires_at__lt=now - KEEP_ACCESS_TOKENS).delete()[0]
    deleted += MachineToken.objects.filter(expires_at__lt=now - KEEP_ACCESS_TOKENS).delete()[0]
    deleted += UsedAssertion.objects.filter(expires_at__lt=now).delete()[0]
    deleted += Grant.objects.filter(expires_at__lt=now - KEEP_GRANTS).delete()[0]
    deleted += PushedRequest.objects.filter(expires_at__lt=now - KEEP_PUSHED).delete()[0]
    deleted += LogoutDelivery.objects.filter(created_at__lt=now - KEEP_GRANTS).delete()[0]
    return deleted
