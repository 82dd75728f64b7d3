"""What a service and a browser ask a provider for: each operation once, its answer checked."""

import base64
import hashlib
import html.parser
import ipaddress
import json
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urljoin, urlsplit

from benchmarks.harness.http import Agent, Answer, HttpError

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OK = 200
_MOST_STEPS = 16


@dataclass(frozen=True, slots=True)
class Client:
    """A confidential client that proves itself with HTTP Basic."""

    id: str
    secret: str
    scope: str = ""
    redirect_uri: str = ""

    @property
    def authorization(self) -> str:
        raw = f"{quote(self.id, safe='')}:{quote(self.secret, safe='')}"
        return f"Authorization: Basic {base64.b64encode(raw.encode()).decode()}\r\n"


@dataclass(frozen=True, slots=True)
class Target:
    """A provider under load, and who signs in to it."""

    name: str
    issuer: str
    client: Client
    machine: Client
    users: tuple[str, ...]
    password: str
    login_field: str = "login"


@dataclass(slots=True)
class VirtualUser:
    """One of the concurrent users: a browser, and the tokens that its service holds."""

    name: str
    agent: Agent = field(default_factory=Agent)
    access_token: str = ""
    refresh_token: str = ""


class Provider:
    """The operations, on one provider."""

    def __init__(self, target: Target, endpoints: dict[str, str]) -> None:
        self.target = target
        self.endpoints = endpoints

    @classmethod
    async def discover(cls, target: Target) -> "Provider":
        agent = Agent()
        address = f"{target.issuer}/.well-known/openid-configuration"
        found = json.loads(_expect_ok(await agent.request("GET", address)))
        agent.close()
        endpoints = {name: value for name, value in found.items() if isinstance(value, str)}
        return cls(target, {**endpoints, "discovery": address})

    async def discovery(self, user: VirtualUser) -> None:
        _expect_ok(await user.agent.request("GET", self.endpoints["discovery"]))

    async def jwks(self, user: VirtualUser) -> None:
        body = _expect_ok(await user.agent.request("GET", self.endpoints["jwks_uri"]))
        if b"keys" not in body:
            raise HttpError("no keys")

    async def client_credentials(self, user: VirtualUser) -> None:
        machine = self.target.machine
        fields = {"grant_type": "client_credentials", "scope": machine.scope}
        await self._ask_for_tokens(user.agent, fields, machine)

    async def refresh(self, user: VirtualUser) -> None:
        fields = {"grant_type": "refresh_token", "refresh_token": user.refresh_token}
        tokens = await self._ask_for_tokens(user.agent, fields, self.target.client)
        if tokens["refresh_token"] == user.refresh_token or "id_token" not in tokens:
            raise HttpError("the refresh token did not rotate, or no ID token came with it")
        user.refresh_token = tokens["refresh_token"]

    async def code(self, user: VirtualUser) -> dict[str, Any]:
        """Authorize with the browser's session, then the token request: one operation."""
        return await self._sign_in(user, password="")

    async def login(self, user: VirtualUser) -> dict[str, Any]:
        """Sign in with an empty browser: the form, the password, the code, the tokens.

        Each time from another address, as people do: the limits per address stay on.
        """
        user.agent.jar.clear()
        address = ipaddress.IPv4Address(0x0A000000 + secrets.randbits(24))
        user.agent.always = f"X-Forwarded-For: {address}\r\n"
        return await self._sign_in(user, password=self.target.password)

    async def userinfo(self, user: VirtualUser) -> None:
        headers = f"Authorization: Bearer {user.access_token}\r\n"
        answer = await user.agent.request(
            "GET", self.endpoints["userinfo_endpoint"], headers=headers
        )
        if b'"sub"' not in _expect_ok(answer):
            raise HttpError("no sub")

    async def introspection(self, user: VirtualUser) -> None:
        answer = await user.agent.request(
            "POST",
            self.endpoints["introspection_endpoint"],
            headers=FORM + self.target.client.authorization,
            body=urlencode({"token": user.access_token}).encode(),
        )
        if json.loads(_expect_ok(answer)).get("active") is not True:
            raise HttpError("the token is not active")

    async def renew(self, user: VirtualUser) -> None:
        """Give a user tokens that hold for the next minutes."""
        signed_in = await (self.code(user) if user.access_token else self.login(user))
        user.access_token = signed_in["access_token"]
        user.refresh_token = signed_in["refresh_token"]

    async def _sign_in(self, user: VirtualUser, *, password: str) -> dict[str, Any]:
        client = self.target.client
        verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        hashed = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": client.id,
            "redirect_uri": client.redirect_uri,
            "scope": client.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": base64.urlsafe_b64encode(hashed).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        start = f"{self.endpoints['authorization_endpoint']}?{urlencode(asked)}"
        code = await self._walk(user, start, state, password)
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": verifier,
        }
        tokens = await self._ask_for_tokens(user.agent, fields, client)
        if "id_token" not in tokens:
            raise HttpError("no id_token")
        return tokens

    async def _walk(self, user: VirtualUser, url: str, state: str, password: str) -> str:
        """Follow the browser's way to the redirect URI, and return the code that stands on it."""
        method, headers, body = "GET", "", b""
        for _ in range(_MOST_STEPS):
            answer = await user.agent.request(method, url, headers=headers, body=body, cookies=True)
            if answer.status in REDIRECTS:
                url = urljoin(url, answer.headers["location"])
                method, headers, body = "GET", "", b""
                if url.startswith(self.target.client.redirect_uri):
                    return _read_code(url, state)
                continue
            fields = _read_form(_expect_ok(answer).decode())
            if fields is None or not password:
                raise HttpError(f"a page in the way at {url}")
            url = urljoin(url, fields.pop("", ""))
            fields |= {self.target.login_field: user.name, "password": password}
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
            method, body = "POST", urlencode(fields).encode()
            headers = f"{FORM}Origin: {origin}\r\nReferer: {origin}/\r\n"
        raise HttpError("too many steps")

    async def _ask_for_tokens(
        self, agent: Agent, fields: dict[str, str], client: Client
    ) -> dict[str, Any]:
        answer = await agent.request(
            "POST",
            self.endpoints["token_endpoint"],
            headers=FORM + client.authorization,
            body=urlencode(fields).encode(),
        )
        tokens: dict[str, Any] = json.loads(_expect_ok(answer))
        if "access_token" not in tokens:
            raise HttpError("no access_token")
        return tokens


class _Forms(html.parser.HTMLParser):
    """Finds the form with a password in it: its fields, and its address under the name ""."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] | None = None
        self._fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = {"": said.get("action", "")}
        if tag == "input" and said.get("type") == "password":
            self.found = self._fields
        elif tag == "input" and said.get("name"):
            self._fields[said["name"]] = said.get("value", "")


def _read_form(page: str) -> dict[str, str] | None:
    forms = _Forms()
    forms.feed(page)
    return forms.found


def _read_code(url: str, state: str) -> str:
    answered = parse_qs(urlsplit(url).query)
    if "code" not in answered or answered.get("state") != [state]:
        raise HttpError(f"no code: {answered.get('error', ['state'])[0]}")
    return answered["code"][0]


def _expect_ok(answer: Answer) -> bytes:
    if answer.status != OK:
        raise HttpError(f"{answer.status} {answer.body[:200]!r}")
    return answer.body
