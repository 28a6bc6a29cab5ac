"""Tells admins what needs a human, once per cause.

Consumes `expiry.events`, `principals`, `notification.commands`; publishes `admin.notifications` and replies; owns `notifications`.
Never sees a secret.
"""
