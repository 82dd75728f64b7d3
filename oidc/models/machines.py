"""Tokens of machines: a service's own client that acts for one company, with no person in it."""

from django.db import models

from companies.models import Company
from oidc.models.clients import ClientProfile


class MachineToken(models.Model):
    """An opaque token of at most ten minutes; worth nothing once the company's access ends."""

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(
        ClientProfile, on_delete=models.CASCADE, related_name="machine_tokens"
    )
    company = models.ForeignKey(Company, on_delete=models.PROTECT, related_name="machine_tokens")
    scope = models.TextField()
    jkt = models.CharField(max_length=43, blank=True, default="")  # its key (RFC 9449), if any
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"machine token of {self.client_id}"
