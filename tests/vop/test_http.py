import pytest
from django.test import RequestFactory

from vop.lib.http import client_ip


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("203.0.113.9", 0, "127.0.0.1"),  # nobody of ours wrote it
        ("203.0.113.9", 1, "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", 1, "203.0.113.9"),  # the left one came from the client
        ("203.0.113.9, 10.0.0.2", 2, "203.0.113.9"),
        ("2001:db8::7", 1, "2001:db8::7"),
        ("203.0.113.9:5123", 1, "127.0.0.1"),  # no address
        (f"fe80::1%{'x' * 60}", 1, "127.0.0.1"),  # longer than any
        ("203.0.113.9", 2, "127.0.0.1"),  # one proxy was passed by
        ("", 1, "127.0.0.1"),
    ],
)
def test_client_address_is_what_our_outermost_proxy_saw(
    rf: RequestFactory, forwarded: str, proxies: int, expected: str
) -> None:
    request = rf.get("/", headers={"X-Forwarded-For": forwarded})

    assert client_ip(request, trusted_proxies=proxies) == expected
