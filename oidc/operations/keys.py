"""Signing keys: the next one is published a day before it signs, the last one kept a month."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from auditlog.actors import Actor
from auditlog.operations import audit
from oidc.events import ProviderEvent
from oidc.models import NEVER, Algorithm, ClientProfile, SigningKey
from oidc.protocol import jose, keyring
from oidc.protocol.jose import Signer
from vop.lib.crypto import reseal, seal
from vop.lib.db import in_use_case, step, use_case
from vop.lib.errors import DomainError

LEAD = timedelta(days=1)  # longer than anybody may cache the JWKS
LIFETIME = timedelta(days=90)
KEPT = timedelta(days=30)  # a logout may still show an ID token that the old key signed
_EARLIER = timedelta(minutes=1)  # a request that began before the very first key signs with it too
_ALWAYS_THERE = frozenset({Algorithm.RS256, Algorithm.ES256})


class KeyWaitingError(DomainError):
    message = _("The next key is published already. It signs from tomorrow at the latest.")


class KeyUnknownError(DomainError):
    message = _(
        "No published key has that key id. The JWKS and the list of signing keys show them."
    )


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


@use_case
def revoke_signing_key(*, kid: str, actor: Actor, now: datetime) -> SigningKey:
    """Publish a key no longer, because somebody else may have it; return the one that signs now.

    Clients meet the new key unannounced and read the JWKS anew (OpenID Connect Core 10.1.1). Other
    processes of ours hear of it within OIDC_KEYS_REMEMBERED_SECONDS.

    Raises: KeyUnknownError.
    """
    alg = SigningKey.objects.filter(kid=kid).values_list("alg", flat=True).first()
    keys = SigningKey.objects.select_for_update().filter(alg=alg, retired_at__gt=now)
    key = next((key for key in keys.order_by("pk") if key.kid == kid), None)
    if key is None:
        raise KeyUnknownError
    key.active_from = min(key.active_from, now)
    key.retiring_from = min(key.retiring_from, now)
    key.retired_at = now
    key.save(update_fields=["active_from", "retiring_from", "retired_at"])
    audit(
        ProviderEvent.SIGNING_KEY_REVOKED,
        actor=actor,
        now=now,
        target=key.ref,
        data={"alg": key.alg, "kid": kid},
    )
    successor = _put_in_use(key.alg, actor=actor, now=now)
    keyring.forget_keys()
    return successor


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
    keyring.forget_keys()  # another process may have made them since we looked


@step
def _make_missing_keys(*, actor: Actor, now: datetime) -> Sequence[SigningKey]:
    wanted = _ALWAYS_THERE | set(
        ClientProfile.objects.filter(disabled_at=None).values_list("id_token_alg", flat=True)
    )
    there = set(SigningKey.objects.active(now).values_list("alg", flat=True))
    made = [_make_key(alg, now - _EARLIER, actor=actor, now=now) for alg in sorted(wanted - there)]
    return [key for key, is_new in made if is_new]


@step
def _publish_next_key(*, alg: str, actor: Actor, now: datetime) -> SigningKey:
    keys = SigningKey.objects.select_for_update().filter(alg=alg, retired_at__gt=now)
    current = [key for key in keys.order_by("pk") if key.retiring_from > now]
    if any(key.active_from > now for key in current):
        raise KeyWaitingError
    active_from = now + LEAD if current else now
    _retire(current, active_from)
    key, is_new = _make_key(alg, active_from, actor=actor, now=now)
    if current and not is_new:  # another rotation was first
        raise KeyWaitingError
    return key


@step
def _put_in_use(alg: str, *, actor: Actor, now: datetime) -> SigningKey:
    """See to it that a key signs now and that one follows it, without the days of notice."""
    active = SigningKey.objects.active(now).filter(alg=alg).newest_first().first()
    if active is not None:
        if active.retiring_from < NEVER and not _is_followed(active):
            _publish_next_key(alg=alg, actor=actor, now=now)
        return active
    waiting = SigningKey.objects.filter(alg=alg, active_from__gt=now).first()
    if waiting is None:
        return _make_key(alg, now, actor=actor, now=now)[0]
    waiting.active_from = now
    waiting.save(update_fields=["active_from"])
    return waiting


def _is_followed(key: SigningKey) -> bool:
    later = SigningKey.objects.filter(alg=key.alg, active_from__lte=key.retiring_from)
    return later.filter(retiring_from__gt=key.retiring_from).exists()


@step
def _make_key(
    alg: str, active_from: datetime, *, actor: Actor, now: datetime
) -> tuple[SigningKey, bool]:
    """Make the key without an end, unless somebody just has; return it, and whether it is new."""
    private = jose.make_private_key(alg)
    jwk = jose.to_public_jwk(alg, private)
    values = {
        "kid": jwk["kid"],
        "public_jwk": jwk,
        "private_sealed": seal(jose.to_pem(private)),
        "created_at": now,
        "published_from": min(now, active_from),
        "active_from": active_from,
        "retired_at": NEVER,
    }
    key, created = SigningKey.objects.get_or_create(alg=alg, retiring_from=NEVER, defaults=values)
    if created:
        data = {"alg": alg, "kid": key.kid, "active_from": active_from}
        audit(ProviderEvent.SIGNING_KEY_ROTATED, actor=actor, now=now, target=key.ref, data=data)
    keyring.forget_keys()
    return key, created


def _retire(keys: Iterable[SigningKey], at: datetime) -> None:
    SigningKey.objects.filter(pk__in=[key.pk for key in keys]).update(
        retiring_from=at, retired_at=at + KEPT
    )
