"""`grantkeeper token login`: one login from start to end, at a terminal without a browser."""

from typing import Annotated, Final

import typer

from grantkeeper.cli.asking import PROVIDER, Questions, session_of
from grantkeeper.cli.authorizations import hand_in, print_completed, print_started
from grantkeeper.cli.errors import LoginFailed
from grantkeeper.cli.output import note, say, sentence
from grantkeeper.cli.secret_input import read_secret
from grantkeeper.cli.tokens import Config, print_status
from grantkeeper.process.clock import SYSTEM_CLOCK
from schemas.token_requests import (
    AuthorizationDevice,
    AuthorizationStart,
    AuthorizationStarted,
    DeviceAuthorizationStarted,
)
from schemas.token_status import TokenStatus

LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the outcome; the refresher itself asks the provider."""


def login(
    context: typer.Context,
    config: Config,
    device: Annotated[
        bool, typer.Option("--device", help="By a code to be typed on any device; nothing is pasted back.")
    ] = False,
) -> None:
    """Log in: print what to open, wait for the outcome, print it."""
    if device:
        print_status(session_of(context).run(lambda questions: _by_device(questions, config)))
        return
    session = session_of(context)
    print_started(session.one(AuthorizationStart(config=config), AuthorizationStarted, deadline=PROVIDER))
    redirect_url = read_secret("Address in the browser", None, prompt=True) or ""
    print_completed(session.run(lambda questions: hand_in(questions, config, redirect_url)))


async def _by_device(questions: Questions, config: str) -> TokenStatus:
    before = await questions.status(config)
    message = AuthorizationDevice(config=before.config_id)
    started = await questions.ask(message, DeviceAuthorizationStarted, config_id=before.config_id, deadline=PROVIDER)
    say(f"{started.verification_uri}   code: {started.user_code}")
    account = f" as {started.expected_account}" if started.expected_account else ""
    note(f"Open it on any device, enter the code and log in{account}. Waiting; Ctrl-C does not end the login.")
    if started.verification_uri_complete is not None:
        note(f"The address with the code in it: {started.verification_uri_complete}")
    return await _outcome(questions, before)


async def _outcome(questions: Questions, before: TokenStatus) -> TokenStatus:
    while True:
        now = await questions.status(before.config_id)
        if now.authorizing_until is None:
            if now.authorized_at != before.authorized_at:
                return now
            why = now.last_error
            text = "the login was overtaken" if why is None else f"{sentence(why.text)} {why.cure}"
            raise LoginFailed(text)
        await SYSTEM_CLOCK.sleep(LOOK_EVERY)
