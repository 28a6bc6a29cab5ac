"""Dovecot 2.3 (IMAP, POP3, submission) from a folder of its own, where it is installed: the mail server of the field.

Tokens are checked by introspection. Run by root it uses Debian's users (dovenull, dovecot, mail); run by anyone else
it is that person alone. Nothing of the system's own Dovecot is read or touched.
"""

import getpass
import grp
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from devstack.child import Child
from devstack.errors import PartMissing
from devstack.ports import accepts

PROGRAM = "/usr/sbin/dovecot"
PROTOCOLS = {"imap": "dovecot-imapd", "pop3": "dovecot-pop3d", "submission": "dovecot-submissiond"}
LIBEXEC = Path("/usr/lib/dovecot")
START_DEADLINE = 20  # seconds
MAIL_USER = "mail"  # Debian's base system has it


@dataclass(frozen=True, slots=True)
class Introspection:
    """How to ask one provider about a token; `username_attribute` names the login in its answer."""

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    discovery_url: str
    username_attribute: str = "username"


@dataclass(frozen=True, slots=True)
class MailPorts:
    imap: int
    pop3: int
    submission: int


def find_dovecot() -> str:
    """The program; PartMissing with the cure where a part or the known version is not here."""
    cure = f"apt-get install --no-install-recommends {' '.join(PROTOCOLS.values())} (make test-deps)"
    program = shutil.which("dovecot") or (PROGRAM if Path(PROGRAM).exists() else None)
    if program is None:
        raise PartMissing(f"Dovecot is not installed: {cure}")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    if not version.startswith("2.3."):
        raise PartMissing(f"Dovecot {version.strip()} speaks another configuration language than 2.3; tests need 2.3")
    missing = [package for protocol, package in PROTOCOLS.items() if not (LIBEXEC / protocol).exists()]
    if missing:
        raise PartMissing(f"Dovecot lacks {', '.join(missing)}: {cure}")
    return program


class Dovecot:
    """Started by `start`, ended by `stop`; its folder lives as long."""

    def __init__(
        self, ports: MailPorts, introspections: Sequence[Introspection], *, relay_port: int, log: Path
    ) -> None:
        """Mail sent by submission goes to the SMTP server at `relay_port`."""
        self.ports = ports
        self._introspections = introspections
        self._relay_port = relay_port
        self._log = log
        self._folder: Path | None = None
        self._child: Child | None = None

    def start(self, environment: Mapping[str, str]) -> None:
        program = find_dovecot()
        # Not below a private folder: the users Dovecot changes to must reach its sockets and mail.
        self._folder = Path(tempfile.mkdtemp(prefix="gk-dovecot-"))
        self._folder.chmod(0o755)
        config = self._write(self._folder)
        self._child = Child(
            "Dovecot",
            [program, "-F", "-c", str(config)],
            log=self._log,
            environment={"PATH": environment.get("PATH", "")},
        )
        self._child.start()
        self._child.wait_until_ready(self._listens, START_DEADLINE)

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        """Where it keeps configuration, log (`dovecot.log`) and mail while it runs."""
        if self._folder is None:
            raise RuntimeError("not started")
        return self._folder

    def _listens(self) -> bool:
        return all(accepts(port) for port in (self.ports.imap, self.ports.pop3, self.ports.submission))

    def _write(self, folder: Path) -> Path:
        """The configuration, and the mail folder for the user that will own mail."""
        mail = folder / "mail"
        mail.mkdir()
        owner = MAIL_USER if os.geteuid() == 0 else getpass.getuser()
        if os.geteuid() == 0:
            shutil.chown(mail, MAIL_USER, MAIL_USER)
        passdbs = []
        for number, introspection in enumerate(self._introspections):
            path = folder / f"oauth2-{number}.conf.ext"
            path.write_text(oauth2_config(introspection), encoding="utf-8")
            path.chmod(0o600)
            passdbs.append(path)
        config = folder / "dovecot.conf"
        config.write_text(
            main_config(folder, self.ports, passdbs, relay_port=self._relay_port, owner=owner), encoding="utf-8"
        )
        return config


def oauth2_config(introspection: Introspection) -> str:
    """One passdb's settings: introspection by POST, its client in the URL as Dovecot wants it."""
    parts = urlsplit(introspection.url)
    client = f"{quote(introspection.client_id, safe='')}:{quote(introspection.client_secret, safe='')}"
    return f"""\
introspection_mode = post
introspection_url = {parts._replace(netloc=f"{client}@{parts.netloc}").geturl()}
force_introspection = yes
username_attribute = {introspection.username_attribute}
username_format = %Lu
active_attribute = active
active_value = true
scope = {introspection.scope}
openid_configuration_url = {introspection.discovery_url}
timeout_msecs = 5000
"""


def main_config(folder: Path, ports: MailPorts, passdbs: Sequence[Path], *, relay_port: int, owner: str) -> str:
    """dovecot.conf: everything in `folder`, loopback only, no penalty and no delay for failed logins."""
    return f"""\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = grantkeeper-devstack
log_path = {folder}/dovecot.log
auth_verbose = yes
protocols = imap pop3 submission
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = xoauth2 oauthbearer
auth_failure_delay = 0
{_users(owner)}
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u
submission_relay_host = 127.0.0.1
submission_relay_port = {relay_port}
{_login("imap", ports.imap, "imaps")}
{_login("pop3", ports.pop3, "pop3s")}
{_login("submission", ports.submission)}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
{"".join(_passdb(path) for path in passdbs)}
userdb {{
  driver = static
  args = uid={owner} gid={_group(owner)} home={folder}/mail/%u
}}
"""


def _users(owner: str) -> str:
    if owner == MAIL_USER:
        return "default_login_user = dovenull\ndefault_internal_user = dovecot"
    names = f"default_login_user = {owner}\ndefault_internal_user = {owner}\ndefault_internal_group = {_group(owner)}"
    return names + "\nmail_access_groups =\nmail_privileged_group ="


def _group(owner: str) -> str:
    return owner if owner == MAIL_USER else grp.getgrgid(os.getgid()).gr_name


def _login(protocol: str, port: int, over_tls: str | None = None) -> str:
    off = "" if over_tls is None else f"  inet_listener {over_tls} {{\n    port = 0\n  }}\n"
    return f"service {protocol}-login {{\n  chroot =\n  inet_listener {protocol} {{\n    port = {port}\n  }}\n{off}}}"


def _passdb(settings: Path) -> str:
    return f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {settings}\n}}\n"
