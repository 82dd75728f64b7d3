"""Keys and signatures (RFC 7515, 7517, 7518, 7638, 8037)."""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from oidc.models import Algorithm
from vop.lib.crypto import unseal

RSA_BITS = 2048  # of ours, and the least of others' (RFC 7518 3.3)
TYP_OF_ID_TOKENS = "JWT"
PrivateKey: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
_THUMBPRINT_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
_OKP_MEMBERS = ("crv", "kty", "x")
_HASHES = {Algorithm.EDDSA: hashlib.sha512}  # Ed25519 hashes with SHA-512, the others with SHA-256


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key ready to sign, and the name that the JWKS knows it by."""

    kid: str
    alg: str
    key: PrivateKey


def make_private_key(alg: str) -> PrivateKey:
    """Make a key for an algorithm."""
    if alg == Algorithm.RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    if alg == Algorithm.ES256:
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def to_pem(key: PrivateKey) -> str:
    """Write a private key as unencrypted PKCS #8; seal it before it goes anywhere."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def to_public_jwk(alg: str, key: PrivateKey) -> dict[str, str]:
    """Return the public half as the JWKS shows it, named by its thumbprint."""
    public = _public_members(key)
    kid = thumbprint(public)
    return {**public, "use": "sig", "alg": alg, "kid": kid}


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS.get(jwk["kty"], _OKP_MEMBERS)}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode_base64url(hashlib.sha256(canonical.encode()).digest())


@functools.lru_cache(maxsize=32)
def load_signer(kid: str, alg: str, private_sealed: str) -> Signer:
    """Open a sealed private key; parsing costs 40 ms, so each process does it once."""
    key = serialization.load_pem_private_key(unseal(private_sealed).encode("ascii"), password=None)
    if not isinstance(
        key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise TypeError(type(key).__name__)
    return Signer(kid, alg, key)


def load_public_key(jwk: Mapping[str, Any], alg: str) -> jwt.PyJWK:
    """Read a public key that somebody else showed or registered.

    Raises: ValueError, jwt.PyJWTError.
    """
    loaded = jwt.PyJWK(dict(jwk), algorithm=alg)
    key = loaded.key
    is_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size >= RSA_BITS
    if is_rsa or isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        return loaded
    raise ValueError("jwk")


def sign(claims: Mapping[str, Any], signer: Signer, *, typ: str = TYP_OF_ID_TOKENS) -> str:
    """Return a compact JWS."""
    return jwt.encode(
        dict(claims), signer.key, algorithm=signer.alg, headers={"kid": signer.kid, "typ": typ}
    )


def half_hash(alg: str, value: str) -> str:
    """Return the left half of a hash, as `at_hash` wants it (Core 3.1.3.6)."""
    hasher = _HASHES.get(Algorithm(alg), hashlib.sha256)
    digest = hasher(value.encode("ascii")).digest()
    return encode_base64url(digest[: len(digest) // 2])


def encode_base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _public_members(key: PrivateKey) -> dict[str, str]:
    if isinstance(key, rsa.RSAPrivateKey):
        members = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        members = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        members = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {
        name: str(members[name]) for name in ("kty", "crv", "n", "e", "x", "y") if name in members
    }
