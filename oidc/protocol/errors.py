"""Refusals with the names that the specifications give them."""

from collections.abc import Mapping

CHALLENGES: Mapping[str, str] = {
    "Bearer": 'Bearer realm="vop"',
    "DPoP": 'DPoP realm="vop", algs="ES256 PS256 EdDSA"',
}


class ProtocolError(Exception):
    """A refusal as JSON: RFC 6749 5.2, RFC 6750 3.1, RFC 7009 2.2.1."""

    def __init__(
        self,
        error: str,
        description: str = "",
        *,
        status: int = 400,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(error)
        self.error = error
        self.description = description
        self.status = status
        self.headers = headers or {}

    def as_json(self) -> dict[str, str]:
        """Return the body of the answer."""
        described = {"error_description": self.description} if self.description else {}
        return {"error": self.error, **described}


class UnusableRequestError(Exception):
    """An authorization request whose client or redirect URI can't be trusted: never redirect."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AuthorizationError(Exception):
    """A refusal that goes back to the client on its redirect URI (RFC 6749 4.1.2.1)."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error = error
        self.description = description


def invalid_client(reason: str) -> ProtocolError:
    """Return 401 with the scheme, which every 401 names (RFC 6749 5.2, RFC 9110 15.5.2)."""
    headers = {"WWW-Authenticate": 'Basic realm="vop", charset="UTF-8"'}
    return ProtocolError("invalid_client", reason, status=401, headers=headers)


def invalid_token(
    description: str = "The access token is not valid.",
    *,
    scheme: str = "Bearer",
    error: str = "invalid_token",
) -> ProtocolError:
    """Return 401 with the challenge of RFC 6750 3, or of RFC 9449 7.1."""
    challenge = f'{CHALLENGES[scheme]}, error="{error}", error_description="{description}"'
    return ProtocolError(error, description, status=401, headers={"WWW-Authenticate": challenge})
