"""Clients, what they were granted, and the keys that vouch for it."""

from oidc.models.clients import (
    AuthMethod,
    ClientProfile,
    ClientSecret,
    ClientSecretQuerySet,
    GrantType,
    Profile,
    RefreshPolicy,
    UsedAssertion,
)
from oidc.models.grants import (
    AccessToken,
    Grant,
    GrantQuerySet,
    RefreshToken,
    RevocationReason,
)
from oidc.models.keys import NEVER, Algorithm, SigningKey, SigningKeyQuerySet
from oidc.models.logout import LogoutDelivery, LogoutDeliveryQuerySet
from oidc.models.machines import MachineToken
from oidc.models.pushed import PushedRequest

__all__ = [
    "NEVER",
    "AccessToken",
    "Algorithm",
    "AuthMethod",
    "ClientProfile",
    "ClientSecret",
    "ClientSecretQuerySet",
    "Grant",
    "GrantQuerySet",
    "GrantType",
    "LogoutDelivery",
    "LogoutDeliveryQuerySet",
    "MachineToken",
    "Profile",
    "PushedRequest",
    "RefreshPolicy",
    "RefreshToken",
    "RevocationReason",
    "SigningKey",
    "SigningKeyQuerySet",
    "UsedAssertion",
]
