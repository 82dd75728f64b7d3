"""Combinations of settings that would make the provider unsafe stop the start."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from oidc.protocol.redirects import LOOPBACK_HOSTS


@register()
def check_issuer(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The issuer is one fixed address, and https unless it is this machine (row 24)."""
    parts = urlsplit(settings.OIDC_ISSUER)
    if parts.query or parts.fragment or not parts.hostname:
        return [Error("BASE_URL is no address that can be an issuer.", id="oidc.E001")]
    if parts.scheme != "https" and parts.hostname not in LOOPBACK_HOSTS:
        return [Error("BASE_URL must be https, so that tokens travel safely.", id="oidc.E002")]
    return []


@register()
def check_lifetimes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A code lives at most a minute, an access token ten (design rule 7, FAPI 2.0)."""
    if settings.OIDC_CODE_EXPIRE > 60 or settings.OIDC_TOKEN_EXPIRE > 600:  # noqa: PLR2004
        return [Error("Codes live at most 60 s, access tokens at most 600 s.", id="oidc.E003")]
    return []
