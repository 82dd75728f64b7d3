"""What leaves billing, and what became of it."""

from collections.abc import Sequence

from billing.models import InvoiceBasis


def list_credited(basis: InvoiceBasis) -> Sequence[InvoiceBasis]:
    """List the approved bases whose lines a basis credits, by their numbers."""
    return list(
        InvoiceBasis.objects.filter(
            lines__credited_by__basis=basis, state=InvoiceBasis.State.APPROVED
        )
        .exclude(pk=basis.pk)
        .order_by("series", "number", "pk")
        .distinct()
    )
