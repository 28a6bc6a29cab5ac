"""A mail server without root for this machine: IMAP, SMTP submission and POP3, opened by OAuth2 access tokens alone.

Never part of production. It proves that a delivered token really opens a mailbox where Dovecot is not installed;
where it is, `dovecot.py` starts that one. Mail lives in memory. Importing starts nothing.
"""
