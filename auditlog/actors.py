"""Who did something and to what, as plain values: the log knows nobody's tables."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Ref:
    """A thing that an event is about: its kind, its key and how people call it."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person, staff, a client (a service) or the system itself.

    Built once at the edge, from the request or by the task, and handed down as a value.
    """

    kind: str
    id: str
    label: str
    ip: str = ""
    user_agent: str = ""
    request_id: str = ""

    @classmethod
    def system(cls, label: str = "vop") -> Self:
        """Return the platform itself as the actor of scheduled work."""
        return cls(kind="system", id="", label=label)

    @classmethod
    def anonymous(cls, *, ip: str = "", user_agent: str = "", request_id: str = "") -> Self:
        """Return somebody who hasn't signed in."""
        return cls("anonymous", "", "", ip=ip, user_agent=user_agent, request_id=request_id)
