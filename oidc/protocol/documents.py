"""Documents that are the same for everybody: written once, then only sent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class PublicDocument:
    """The bytes of a JSON document and the strong ETag of them (RFC 9110 8.8.3)."""

    body: bytes
    etag: str

    @classmethod
    def write(cls, content: Mapping[str, Any]) -> Self:
        """Return a document; the same content gives the same ETag in every process."""
        body = json.dumps(content).encode()
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
