"""The door from the portal into a service."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


def build_launch_url(launch_url: str, *, issuer: str, company_id: object) -> str:
    """Return a service's start address with who signs the person in, and for which company.

    `iss` is OpenID Connect's own name for it (third-party initiated login); the service hands
    `company` on to the authorize endpoint, so that it opens for the company of the tile.
    """
    parts = urlsplit(launch_url)
    own = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in _OURS]
    query = urlencode([*own, ("iss", issuer), ("company", str(company_id))])
    return urlunsplit(parts._replace(query=query))


_OURS = {"iss", "company"}
