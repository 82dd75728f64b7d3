"""Sealing what must be read back: second-factor secrets, private keys, mail waiting to leave.

Keys come from VOP_ENCRYPTION_KEYS, newest first: the first seals, all of them open, so that a
key is rotated by putting a new one in front. What need not be read back is hashed instead.
"""

import functools
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SealBrokenError(ValueError):
    """None of the configured keys opens this: a key is missing, or the text was changed."""


@functools.cache
def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


def seal(text: str) -> str:
    """Encrypt and authenticate a text with the newest key."""
    return _box().encrypt(text.encode()).decode("ascii")


def unseal(token: str) -> str:
    """Return the sealed text.

    Raises: SealBrokenError.
    """
    try:
        return _box().decrypt(token.encode("ascii")).decode()
    except (InvalidToken, UnicodeEncodeError) as error:
        raise SealBrokenError from error


def reseal(token: str) -> str:
    """Return the same text sealed with the newest key, so that the older ones can go.

    Raises: SealBrokenError.
    """
    try:
        return _box().rotate(token.encode("ascii")).decode("ascii")
    except (InvalidToken, UnicodeEncodeError) as error:
        raise SealBrokenError from error


def digest(secret: str) -> str:
    """Return the SHA-256 of a random secret of at least 128 bits, as 64 hexadecimal characters.

    Only for secrets that we made: what a person chose is hashed with Argon2.
    """
    return hashlib.sha256(secret.encode()).hexdigest()
