"""Brings a browser to each stop of the walk (tests/console_walk.py), with the bus in the state that belongs to it."""

from collections.abc import AsyncIterator

from playwright.async_api import BrowserContext, FilePayload, Page

from tests.console_pages import Pages
from tests.console_walk import WALK, Await, Choose, Click, Fill, Step, Stop, fill, quiet


async def walk(pages: Pages, context: BrowserContext) -> AsyncIterator[tuple[Stop, Page]]:
    """Go from stop to stop in one window, first what is seen without a login, then the rest as an admin."""
    shown = await context.new_page()
    for stop in (stop for stop in WALK if not stop.logged_in):
        await reach(pages, shown, stop)
        yield stop, shown
    await pages.admit(context)
    for stop in (stop for stop in WALK if stop.logged_in):
        await reach(pages, shown, stop)
        yield stop, shown
    await shown.close()


async def reach(pages: Pages, shown: Page, stop: Stop) -> None:
    """Open the stop's page and do its steps."""
    fill(pages.bus, pages.board, pages.kafka)
    if not stop.notices:
        quiet(pages.board)
    for kind, answer in stop.given.items():
        if answer is None:
            pages.bus.answers.pop(kind, None)
        else:
            pages.bus.answers[kind] = answer
    await shown.goto(pages.url + stop.path)
    for step in stop.steps:
        await do(shown, step)
    await shown.wait_for_load_state()


async def do(shown: Page, step: Step) -> None:
    """Do one step as a person would."""
    match step:
        case Click(selector):
            await shown.click(selector)
        case Fill(selector, text):
            await shown.fill(selector, text)
        case Choose(selector, content):
            file = FilePayload(name="export.yml", mimeType="application/yaml", buffer=content)
            await shown.set_input_files(selector, file)
        case Await(selector):
            await shown.wait_for_selector(selector)
