"""Facts about memberships that higher rooms act on. Each is sent inside its transaction.

membership_ended(sender=Membership, membership, actor, now): somebody left, or was taken out.
membership_suspended(sender=Membership, membership, actor, now): shut out until further notice.
membership_resumed(sender=Membership, membership, actor, now): let in again.

`membership` has `user` and `company` loaded, and its new state is saved already.
"""

from django.dispatch import Signal

membership_ended = Signal()
membership_suspended = Signal()
membership_resumed = Signal()
