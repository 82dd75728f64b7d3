"""Facts about memberships that higher rooms act on. Each is sent inside its transaction.

membership_ended(sender=Membership, membership, actor, now): somebody left, or was taken out.
membership_suspended(sender=Membership, membership, actor, now): shut out until further notice.
membership_resumed(sender=Membership, membership, actor, now): let in again.
mandate_ended(sender=Mandate, mandate, actor, now): a mandate that held is over, whatever ended it.
firm_replaced(sender=Mandate, old, new, actor, now): one firm's mandate gave way to another's, for
    the same client; who pays for what the old firm paid for changes at `now`.
assignment_ended(sender=Assignment, assignment, actor, now): somebody no longer works for a client.
person_blocked(sender=Block, block, actor, now): a client shut one person of its firms out.
membership_end_set(sender=Membership, membership, before, actor, now): a membership ends by itself
at `membership.valid_until` from now on, or doesn't; until now it would have at `before`.
policy_changed(sender=Company, company, actor, now): a company asks something else of sessions.
support_ended(sender=SupportGrant, grant, actor, now): a company shut our staff out again.

`membership` has `user` and `company` loaded, and its new state is saved already.
A mandate has `client` and `firm` loaded, an assignment `user` and `mandate.client`, a block both.
"""

from django.dispatch import Signal

membership_ended = Signal()
membership_suspended = Signal()
membership_resumed = Signal()
mandate_ended = Signal()
firm_replaced = Signal()
assignment_ended = Signal()
person_blocked = Signal()
membership_end_set = Signal()
policy_changed = Signal()
support_ended = Signal()
