"""Signing keys: the next one is published a day before it signs, the last one kept a month."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from oidc.events import ProviderEvent
from oidc.models import Algorithm, ClientProfile, SigningKey
from oidc.protocol import jose, keyring
from oidc.protocol.jose import Signer
from vop.lib.crypto import reseal, seal
from vop.lib.db import in_use_case, step, use_case
from vop.lib.errors import DomainError

LEAD = timedelta(days=1)  # longer than anybody may cache the JWKS
LIFETIME = timedelta(days=90)
KEPT = timedelta(days=30)  # a logout may still show an ID token that the old key signed
_NO_END = timedelta(days=3650)  # a rotation sets the end; a missed one must not stop sign-in
_ALWAYS_THERE = frozenset({Algorithm.RS256, Algorithm.ES256})


class KeyWaitingError(DomainError):
    message = _("The next key is published already. It signs from tomorrow at the latest.")


@use_case
def rotate_signing_key(*, alg: str, actor: Actor, now: datetime) -> SigningKey:
    """Publish the next key of an algorithm; the one in use signs until everybody can know it.

    Raises: KeyWaitingError.
    """
    return _publish_next_key(alg=alg, actor=actor, now=now)


@use_case
def maintain_signing_keys(*, actor: Actor, now: datetime) -> Sequence[SigningKey]:
    """Make what is missing and rotate what is old; safe to run any time."""
    made = list(_make_missing_keys(actor=actor, now=now))
    old = SigningKey.objects.active(now).filter(active_from__lte=now - LIFETIME + LEAD)
    waiting = set(SigningKey.objects.filter(active_from__gt=now).values_list("alg", flat=True))
    algs = sorted(set(old.values_list("alg", flat=True)) - waiting)
    return made + [_publish_next_key(alg=alg, actor=actor, now=now) for alg in algs]


@use_case
def reseal_signing_keys(*, actor: Actor, now: datetime) -> int:
    """Seal every private key with the newest encryption key; return how many there are.

    Raises: SealBrokenError.
    """
    keys = list(SigningKey.objects.select_for_update().order_by("pk"))
    for key in keys:
        key.private_sealed = reseal(key.private_sealed)
        key.save(update_fields=["private_sealed"])
    audit(ProviderEvent.SIGNING_KEYS_RESEALED, actor=actor, now=now, data={"count": len(keys)})
    keyring.forget_keys()
    return len(keys)


def get_signer(alg: str, *, now: datetime) -> Signer:
    """Return the key that signs now; the very first use makes it."""
    signer = keyring.find_signer(alg, now)
    if signer is None:
        ensure_signing_keys(now=now)
        signer = keyring.find_signer(alg, now)
    if signer is None:
        raise LookupError(alg)
    return signer


def ensure_signing_keys(*, now: datetime) -> None:
    """Make the keys that are missing, also inside a larger use case."""
    make = _make_missing_keys if in_use_case() else use_case(_make_missing_keys)
    make(actor=Actor.system(), now=now)


@step
def _make_missing_keys(*, actor: Actor, now: datetime) -> Sequence[SigningKey]:
    wanted = _ALWAYS_THERE | set(
        ClientProfile.objects.filter(disabled_at=None).values_list("id_token_alg", flat=True)
    )
    there = set(SigningKey.objects.active(now).values_list("alg", flat=True))
    return [
        _publish_next_key(alg=alg, actor=actor, now=now)
        for alg in sorted(wanted)
        if alg not in there
    ]


@step
def _publish_next_key(*, alg: str, actor: Actor, now: datetime) -> SigningKey:
    keys = SigningKey.objects.select_for_update().filter(alg=alg, retired_at__gt=now)
    current = [key for key in keys.order_by("pk") if key.retiring_from > now]
    if any(key.active_from > now for key in current):
        raise KeyWaitingError
    active_from = now + LEAD if current else now
    private = jose.make_private_key(alg)
    jwk = jose.to_public_jwk(alg, private)
    key = SigningKey.objects.create(
        alg=alg,
        kid=jwk["kid"],
        public_jwk=jwk,
        private_sealed=seal(jose.to_pem(private)),
        created_at=now,
        published_from=now,
        active_from=active_from,
        retiring_from=active_from + _NO_END,
        retired_at=active_from + _NO_END + KEPT,
    )
    SigningKey.objects.filter(pk__in=[old.pk for old in current]).update(
        retiring_from=active_from, retired_at=active_from + KEPT
    )
    data = {"alg": alg, "kid": key.kid, "active_from": active_from}
    audit(ProviderEvent.SIGNING_KEY_ROTATED, actor=actor, now=now, target=key.ref, data=data)
    keyring.forget_keys()
    return key
