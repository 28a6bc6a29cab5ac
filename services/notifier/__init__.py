"""Tells admins what needs a human, once per cause, until it is well again.

Consumes `expiry.events`, `principals`, `notification.commands`; publishes `admin.notifications`, replies,
`dead-letters`; owns `notifications` and `notification_guards`. Never sees a secret of a token.
"""
