"""What `make run` says once everything runs: where things are, how to get in, what to do next."""

from collections.abc import Iterator
from pathlib import Path

from devstack.keys import CONSOLE_USER
from devstack.layout import DEFAULT_PORT_BASE, PORT_SETTING, Layout


def greeting(layout: Layout, grantkeeper: Path) -> Iterator[str]:
    """The lines; `grantkeeper` is the path of the command line."""
    password = layout.console_password.read_text().strip()
    prefix = "" if layout.port_base == DEFAULT_PORT_BASE else f"{PORT_SETTING}={layout.port_base} "
    yield f"console    {layout.url('console')}   user {CONSOLE_USER}, password {password}"
    yield f"provider   {layout.url('provider')}   any mail address logs in, with any password"
    yield f"mailboxes  IMAP {layout.port('IMAP')}, POP3 {layout.port('POP3')}, SMTP {layout.port('SMTP')} on 127.0.0.1"
    yield f"logs       {layout.data / 'logs'}"
    yield ""
    yield "Next, in a second terminal:"
    yield f"  {prefix}make demo   plays the whole story in half a minute"
    yield f"  export GRANTKEEPER_CREDENTIAL={layout.credential('admin')}"
    yield f"  {grantkeeper} token list   is the command line; --help lists the rest"
    yield ""
    yield "Ctrl-C ends everything; the data stays for the next start."
