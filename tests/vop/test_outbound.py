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
        "https://127.0.0.1/jwks",
        "https://10.0.0.1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/jwks",
        "https://[::ffff:10.0.0.1]/jwks",
        "https://[64:ff9b::a00:1]/jwks",
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
