"""Sealing, and changing the keys that seal."""

from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from pytest_django import Settings

from vop.lib import crypto
from vop.lib.crypto import SealBrokenError, digest, seal, unseal

OLD, NEW = (Fernet.generate_key().decode() for _number in range(2))


@pytest.fixture(autouse=True)
def forget_keys(settings: Settings) -> Iterator[None]:
    settings.ENCRYPTION_KEYS = [OLD]
    crypto._box.cache_clear()
    yield
    crypto._box.cache_clear()


def use(settings: Settings, *keys: str) -> None:
    settings.ENCRYPTION_KEYS = list(keys)
    crypto._box.cache_clear()


def test_sealed_text_comes_back() -> None:
    sealed = seal("hemlig åäö")

    assert "hemlig" not in sealed
    assert unseal(sealed) == "hemlig åäö"
    assert seal("hemlig åäö") != sealed, "equal texts can't be told by their seals"


def test_key_is_changed_by_putting_a_new_one_in_front(settings: Settings) -> None:
    sealed = seal("before")

    use(settings, NEW, OLD)
    assert unseal(sealed) == "before"
    after = seal("after")

    use(settings, NEW)
    assert unseal(after) == "after"
    with pytest.raises(SealBrokenError):
        unseal(sealed)


@pytest.mark.parametrize("broken", ["", "nonsense", "å"])
def test_what_is_no_seal_is_refused(broken: str) -> None:
    with pytest.raises(SealBrokenError):
        unseal(broken)


def test_what_another_key_sealed_is_refused() -> None:
    with pytest.raises(SealBrokenError):
        unseal(Fernet(Fernet.generate_key()).encrypt(b"x").decode())


def test_digest_is_sha_256_in_hexadecimal() -> None:
    assert digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
