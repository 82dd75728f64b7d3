"""Reading the parameters of a request the way the specifications demand."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from oidc.protocol.errors import ProtocolError

MAX_LENGTH = 8000  # of one value; nothing that we need comes near it
_ASSERTED_LENGTH = 16000
_ASSERTIONS = frozenset({"client_assertion", "id_token_hint", "request"})


class MultiValues(Protocol):
    """What Django's QueryDict and a parsed form have in common."""

    def lists(self) -> Iterable[tuple[str, list[str]]]: ...


def read_once(values: MultiValues) -> Mapping[str, str]:
    """Return the parameters; an empty one was not sent, a repeated one is refused (row 38).

    Raises: ProtocolError.
    """
    found: dict[str, str] = {}
    for name, sent in values.lists():
        if len(sent) > 1:
            raise ProtocolError("invalid_request", "A parameter was sent more than once.")
        if sent and sent[0]:
            found[name] = sent[0]
    for name, value in found.items():
        limit = _ASSERTED_LENGTH if name in _ASSERTIONS else MAX_LENGTH
        if len(value) > limit or "\0" in value or "\0" in name:
            raise ProtocolError("invalid_request", "A parameter has a value that can't be right.")
    return found


def need(parameters: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there.

    Raises: ProtocolError.
    """
    value = parameters.get(name)
    if value is None:
        raise ProtocolError("invalid_request", f"{name} is missing.")
    return value
