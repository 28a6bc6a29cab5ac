"""The web console: sends commands and requests for a person, shows what the bus says.

Consumes: `token.events` (that something changed), `admin.notifications` and `dead-letters` (all of them), its replies.
Publishes: commands and requests, signed with its credential, with the person who is logged in as `actor`.
Owns: nothing; its users are a mounted file, its sessions are signed cookies.
Never: touches MongoDB, calls a token endpoint, holds a ring.
"""
