"""Changing the key that seals: a new one in front, sealed anew, the old one gone."""

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User
from auditlog.models import Event
from oidc.models import SigningKey
from oidc.operations.keys import get_signer
from oidc.protocol import jose
from oidc.protocol.jose import load_signer, sign
from tests.accounts.pages import enrol
from tests.conftest import NOW
from tests.oidc.conftest import make_key_values
from vop.lib import crypto

OLD, NEW = (Fernet.generate_key().decode() for _number in range(2))


def use(settings: Settings, *keys: str) -> None:
    settings.ENCRYPTION_KEYS = list(keys)
    crypto._box.cache_clear()
    load_signer.cache_clear()


@pytest.fixture(autouse=True)
def old_key(settings: Settings) -> Iterator[None]:
    kept = settings.ENCRYPTION_KEYS
    use(settings, OLD)
    yield
    use(settings, *kept)


@pytest.fixture
def signing_key(db: None) -> SigningKey:
    private = jose.make_private_key("ES256")
    jwk = jose.to_public_jwk("ES256", private)
    values = {**make_key_values("ES256"), "public_jwk": jwk, "kid": jwk["kid"]}
    sealed = crypto.seal(jose.to_pem(private))
    return SigningKey.objects.create(**{**values, "private_sealed": sealed})


def run(*words: str) -> str:
    out = StringIO()
    call_command("reseal_secrets", *words, stdout=out)
    return out.getvalue()


def test_old_encryption_key_can_go_once_everything_is_sealed_anew(
    signing_key: SigningKey, bob: User, settings: Settings
) -> None:
    app = enrol(bob)
    codes = RecoveryCodes.activate(bob).generate_codes()

    use(settings, NEW, OLD)
    assert json.loads(run("--json")) == {"signing_keys": 1, "second_factors": 2}
    use(settings, NEW)
    assert sign({"a": 1}, get_signer("ES256", now=NOW)).count(".") == 2
    totp, recovery = Authenticator.objects.filter(user=bob).order_by("-type")
    assert totp.wrap().validate_code(app.now())
    assert recovery.wrap().generate_codes() == codes
    assert Event.objects.get(action="signing_key.resealed").data["count"] == 1
    assert "Sealed anew: 1 signing keys, 2 second factors" in run()


def test_missing_key_is_told_and_changes_nothing(
    signing_key: SigningKey, settings: Settings
) -> None:
    use(settings, NEW)
    with pytest.raises(CommandError, match="Put that key back"):
        run()
    assert SigningKey.objects.get().private_sealed == signing_key.private_sealed
    assert not Event.objects.filter(action="signing_key.resealed").exists()
    use(settings, OLD)
    assert get_signer("ES256", now=NOW).kid == signing_key.kid
