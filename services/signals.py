"""The one fact of this room that travels upward."""

from django.dispatch import Signal

# Sent by operations, inside their transaction, for each seat that ends, whatever ended it:
# `seat` (with membership.user, entitlement.company and entitlement.service loaded), `actor`, `now`.
seat_ended = Signal()
