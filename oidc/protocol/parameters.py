"""Reading the parameters of a request the way the specifications demand."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias
from urllib.parse import parse_qsl

from oidc.protocol.errors import ProtocolError

MAX_LENGTH = 8000  # of one value; nothing that we need comes near it
_ASSERTED_LENGTH = 16000
_MAX_PARAMETERS = 200
_ASSERTIONS = frozenset({"client_assertion", "id_token_hint", "request"})


Pairs: TypeAlias = Sequence[tuple[str, str]]


def read_pairs(sent: bytes) -> Pairs:
    """Return the names and values of a query or a form, in their order, empty ones too.

    As Django reads them (what isn't UTF-8 is Latin-1), at a third of the cost.

    Raises: ProtocolError, when there are too many.
    """
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        text = sent.decode("latin-1")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError as error:
        raise ProtocolError("invalid_request", "There are too many parameters.") from error


def read_once(pairs: Pairs) -> Mapping[str, str]:
    """Return the parameters; an empty one was not sent, a repeated one is refused (row 38).

    Raises: ProtocolError.
    """
    if len({name for name, _value in pairs}) < len(pairs):
        raise ProtocolError("invalid_request", "A parameter was sent more than once.")
    found = {name: value for name, value in pairs if value}
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
