"""The one way out to addresses that others registered with us: never into our own network.

The name is resolved once, every address that it has is checked, and the connection goes to the
address that was checked: a name server that answers differently the second time gains nothing.
`inside` names the hosts of our own network that may be called all the same, also over http; each
caller has its own list, so that what one kind of address may reach is closed to another.
"""

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlencode, urlsplit

FORM = "application/x-www-form-urlencoded"
MAX_BYTES = 64 * 1024
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_UNICAST = ipaddress.IPv6Network("2000::/3")  # RFC 4291: all that was ever given out
_IETF = ipaddress.IPv4Network("192.0.0.0/24")  # RFC 6890
_HEADERS = {"Accept": "application/json", "User-Agent": "vop"}


class ForbiddenAddressError(Exception):
    """The address isn't https, has no name that resolves, or leads inside."""


class UnreachableError(Exception):
    """The address didn't answer in time, or not in HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; a redirect is an answer like any other."""

    status: int
    body: bytes


def fetch(url: str, *, seconds: float, inside: Collection[str] = ()) -> Answer:
    """Get what stands at an address; The answer takes `seconds` at most.

    Raises: ForbiddenAddressError, UnreachableError.
    """
    return _send("GET", url, seconds=seconds, inside=inside)


def post_form(
    url: str,
    fields: Mapping[str, str],
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float,
    inside: Collection[str] = (),
) -> Answer:
    """Send a form to an address; The answer takes `seconds` at most.

    Raises: ForbiddenAddressError, UnreachableError.
    """
    body, headers = urlencode(fields).encode(), {"Content-Type": FORM, **(headers or {})}
    return post(url, body, headers=headers, seconds=seconds, inside=inside)


def post(
    url: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    seconds: float,
    inside: Collection[str] = (),
) -> Answer:
    """Send bytes to an address; `headers` says of which type. The answer takes `seconds` at most.

    Raises: ForbiddenAddressError, UnreachableError.
    """
    return _send("POST", url, body, headers=headers, seconds=seconds, inside=inside)


def find_address(url: str, *, inside: Collection[str] = ()) -> str:
    """Return the network address to connect to for a URL.

    Raises: ForbiddenAddressError.
    """
    try:
        parts = urlsplit(url)
        port = _port_of(parts)
    except ValueError as error:
        raise ForbiddenAddressError from error
    host = parts.hostname or ""
    is_excepted = host in inside
    if not host or (parts.scheme != "https" and not (is_excepted and parts.scheme == "http")):
        raise ForbiddenAddressError
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ForbiddenAddressError from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not (is_excepted or all(map(_is_outside, addresses))):
        raise ForbiddenAddressError
    # IPv4 first: of a name like localhost nothing may listen on ::1.
    return min(addresses, key=lambda address: ":" in address)


class _PinnedHTTP(HTTPConnection):
    """Connects to the address that was checked, whatever the name means by now."""

    pinned: str

    def connect(self) -> None:
        self.sock = socket.create_connection((self.pinned, self.port), self.timeout)


class _PinnedHTTPS(HTTPSConnection):
    """The same; the certificate must still be the name's."""

    pinned: str

    def connect(self) -> None:
        plain = socket.create_connection((self.pinned, self.port), self.timeout)
        context = ssl.create_default_context()
        self.sock = context.wrap_socket(
            plain, server_hostname=self.host, do_handshake_on_connect=False
        )


def _send(
    method: str,
    url: str,
    body: bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    seconds: float,
    inside: Collection[str],
) -> Answer:
    address = find_address(url, inside=inside)
    parts = urlsplit(url)
    kind = _PinnedHTTPS if parts.scheme == "https" else _PinnedHTTP
    connection = kind(parts.hostname or "", _port_of(parts), timeout=seconds)
    connection.pinned = address
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    # A timeout ends one silence; a server that sends a byte now and then has to be hung up on.
    timer = threading.Timer(seconds, _hang_up, [connection])
    try:
        connection.connect()
        timer.start()
        if isinstance(connection.sock, ssl.SSLSocket):
            connection.sock.do_handshake()
        connection.request(method, target, body=body, headers={**_HEADERS, **(headers or {})})
        response = connection.getresponse()
        return Answer(response.status, response.read(MAX_BYTES + 1))
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(type(error).__name__) from error
    finally:
        timer.cancel()
        connection.close()


def _hang_up(connection: HTTPConnection) -> None:
    with contextlib.suppress(OSError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _port_of(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_outside(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and address not in _IETF
    # An IPv4 address in the clothes of an IPv6 one is judged as what it is.
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return _is_outside(str(inner))
    return address.is_global and address in _UNICAST
