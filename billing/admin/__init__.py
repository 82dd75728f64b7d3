"""What staff see and decide of billing. Every change is an operation."""

from billing.admin import accounts, catalogue, runs, trade  # noqa: F401 (registers)
