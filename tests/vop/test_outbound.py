import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from tests.oidc.listener import Listener, listen
from vop.lib.outbound import (
    ForbiddenAddressError,
    UnreachableError,
    fetch,
    find_address,
    post_form,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://service.example/jwks",
        "http://8.8.8.8/jwks",
        "https://127.0.0.1/jwks",
        "https://10.0.0.1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/jwks",
        "https://[::ffff:10.0.0.1]/jwks",
        "https://[64:ff9b::a00:1]/jwks",
        "https://[64:ff9b:1::1]/jwks",
        "https://[2002:a00:1::1]/jwks",
        "https://[2001:0:a00:1::1]/jwks",
        "https://[::127.0.0.1]/jwks",
        "https://[::]/jwks",
        "https://[fe80::1]/jwks",
        "https://[fec0::1]/jwks",
        "https://[fd00::1]/jwks",
        "https://[ff02::1]/jwks",
        "https://0.0.0.0/jwks",
        "https://100.64.0.1/jwks",
        "https://192.0.0.192/jwks",
        "https://198.18.0.1/jwks",
        "https://224.0.0.1/jwks",
        "https://255.255.255.255/jwks",
        "https://2130706433/jwks",
        "https://0x7f.1/jwks",
        "https://127.1/jwks",
        "https://service@127.0.0.1/jwks",
        "https://localhost:x/jwks",
        "file:///etc/passwd",
        "https:///jwks",
    ],
)
def test_address_inside_is_refused(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        find_address(url)


@pytest.mark.parametrize("url", ["http://localhost/x", "https://localhost/x"])
def test_address_inside_is_found_when_its_host_is_excepted(url: str) -> None:
    assert find_address(url, inside=["localhost"]) == "127.0.0.1"


def test_exception_is_for_one_host_and_one_caller() -> None:
    with listen() as listener:
        sent = post_form(listener.url, {"logout_token": "x"}, seconds=2, inside=["localhost"])
        for inside in ([], ["127.0.0.1"]):
            with pytest.raises(ForbiddenAddressError):
                post_form(listener.url, {"logout_token": "y"}, seconds=2, inside=inside)

    assert (sent.status, listener.tokens) == (200, ["x"])


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "[2606:4700::1]", "[::ffff:8.8.8.8]", "[64:ff9b::808:808]"]
)
def test_address_outside_is_found(address: str) -> None:
    assert find_address(f"https://{address}/x") == address.strip("[]")


def resolve(*answers: list[str]) -> Any:
    """A name server that says something else each time."""
    left = iter(answers)

    def getaddrinfo(host: str, port: int, **_kind: Any) -> list[Any]:
        return [(0, 0, 0, "", (address, port)) for address in next(left)]

    return getaddrinfo


def test_name_with_one_address_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolve(["8.8.8.8", "10.0.0.1"]))
    with pytest.raises(ForbiddenAddressError):
        find_address("https://service.example/jwks")


def test_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: the second answer of the name server is never asked for."""
    called: list[str] = []

    def connect(address: tuple[str, int], _timeout: float) -> Any:
        called.append(address[0])
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", resolve(["8.8.8.8"], ["127.0.0.1"]))
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(UnreachableError):
        fetch("https://service.example/jwks", seconds=1)

    assert called == ["8.8.8.8"]


def test_server_that_drips_is_hung_up_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def drip() -> None:
            line, _peer = server.accept()
            with line, contextlib.suppress(OSError):
                for _byte in range(100):
                    line.send(b"H")
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(UnreachableError):
            fetch(f"http://localhost:{port}/", seconds=0.5, inside=["localhost"])
        assert time.monotonic() - begun < 3
        thread.join()


def test_redirect_is_an_answer_like_any_other() -> None:
    with listen() as listener:
        listener.status = 302
        answer = post_form(listener.url, {"logout_token": "x"}, seconds=2, inside=["localhost"])

    assert (answer.status, listener.tokens) == (302, ["x"])


def test_address_that_does_not_answer_is_told() -> None:
    closed = Listener()
    closed.server_close()
    with pytest.raises(UnreachableError):
        fetch(closed.url, seconds=2, inside=["localhost"])
