"""Authorization requests that a client pushed ahead of the person's browser (RFC 9126)."""

from django.db import models

from oidc.models.clients import ClientProfile


class PushedRequest(models.Model):
    """The parameters behind a `request_uri`, which stands here only as a digest.

    Opening it spends nothing; the code that comes of it does, so that it works once.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(
        ClientProfile, on_delete=models.CASCADE, related_name="pushed_requests"
    )
    parameters = models.JSONField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"pushed request of {self.client_id}"
