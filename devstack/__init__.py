"""Everything on one machine, from packages: no Docker, no root. Production never imports it."""
