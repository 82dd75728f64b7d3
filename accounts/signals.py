"""Facts about people that higher rooms act on. Each is sent inside the transaction of its change.

signed_in(sender=User, user, event, now): a person signed in; `event` is the log's.
session_ended(sender=User, user, session_ref, now): a session is over, by its owner or for them.
person_deactivated(sender=User, user, actor, now), person_reactivated(the same).
"""

from django.dispatch import Signal

signed_in = Signal()
session_ended = Signal()
person_deactivated = Signal()
person_reactivated = Signal()
