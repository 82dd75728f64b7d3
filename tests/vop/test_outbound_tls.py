"""The way out over TLS, as services are called in earnest: with the name that was registered."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.oidc.listener import Listener, listen
from vop.lib.outbound import UnreachableError, post_form

NAME = "service.test"


def write_certificate(folder: Path, name: str) -> Path:
    """A certificate that vouches for itself, with its key behind it in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / f"{name}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return file


@contextmanager
def listen_with_tls(certificate: Path) -> Iterator[tuple[Listener, str]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with listen() as listener:
        listener.socket = context.wrap_socket(listener.socket, server_side=True)
        yield listener, f"https://{NAME}:{listener.server_port}/logout"


@pytest.fixture(autouse=True)
def name_leads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: str, *args: Any, **kind: Any) -> Any:
        return real("127.0.0.1" if host == NAME else host, *args, **kind)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def trust(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


def test_service_is_told_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = write_certificate(tmp_path, NAME)
    trust(certificate, monkeypatch)
    with listen_with_tls(certificate) as (listener, url):
        answer = post_form(url, {"logout_token": "x"}, seconds=5, inside=[NAME])

    assert (answer.status, listener.tokens) == (200, ["x"])


def test_certificate_of_another_name_hears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = write_certificate(tmp_path, "another.test")
    trust(certificate, monkeypatch)
    with listen_with_tls(certificate) as (listener, url), pytest.raises(UnreachableError):
        post_form(url, {"logout_token": "x"}, seconds=5, inside=[NAME])

    assert listener.tokens == []


def test_certificate_that_nobody_vouches_for_hears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write_certificate(tmp_path, NAME)
    (tmp_path / "others").mkdir()
    trust(write_certificate(tmp_path / "others", NAME), monkeypatch)
    with listen_with_tls(own) as (listener, url), pytest.raises(UnreachableError):
        post_form(url, {"logout_token": "x"}, seconds=5, inside=[NAME])

    assert listener.tokens == []
