"""The seats of a tiered line in words: how its one price came about."""

from billing import engine
from billing.models import BasisLine


def share_out(line: BasisLine) -> list[engine.Share]:
    """Return how a tiered line's seats fall on its price version's tiers, its price loaded.

    Empty for a line whose price isn't that of its seats alone: added seats cost the difference.
    """
    if line.seats is None:
        return []
    price, seats = line.price.as_terms(), abs(line.seats)
    return price.share_out(seats) if price.climb(seats) == line.unit_price else []
