"""What staff see and decide of billing. Every change is an operation."""

from billing.admin import catalogue, trade  # noqa: F401 (registers)
