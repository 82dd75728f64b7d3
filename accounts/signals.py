"""Facts about people that higher rooms act on.

Each but the first is sent inside the transaction of its change.

signing_in(sender=User, user, now): a person is about to be signed in. It comes ahead of the one
statement that does it: who hears of it returns the companies that may read so in the log.
session_ended(sender=User, user, session_ref, now): a session is over, by its owner or for them.
person_deactivated(sender=User, user, actor, now), person_reactivated(the same).
"""

from django.dispatch import Signal

signing_in = Signal()
session_ended = Signal()
person_deactivated = Signal()
person_reactivated = Signal()
