"""Pictures of every page of the console: `make screenshots`, or `python -m tests.e2e.screenshots FOLDER DOCS`.

Wide and narrow, light and dark, in Chromium; the data is made up, the pages are the real ones. All go into FOLDER,
which git leaves alone; the ones that the documents show go into DOCS too, with as few colours as they need.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser

from tests.console_pages import Pages, chromium, make_users, served
from tests.e2e.smaller import smaller
from tests.e2e.walking import walk

Scheme = Literal["light", "dark"]
SIZES: Final = {"wide": (1280, 900), "narrow": (390, 844)}
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")
SHOWN: Final = frozenset({"tokens-wide-light", "tokens-narrow-dark", "token-wide-dark", "add-narrow-light"})
"""Pictures that are worth keeping beside the wide and light one of every page."""


async def take(pages: Pages, browser: Browser, folder: Path, size: str, scheme: Scheme) -> None:
    """Walk through the pages and picture each as a whole."""
    width, height = SIZES[size]
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, locale="en")
    async for stop, shown in walk(pages, context):
        await shown.screenshot(path=folder / f"{stop.name}-{size}-{scheme}.png", full_page=True)
    await context.close()


async def main(folder: Path) -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        async with served(make_users(Path(scratch))) as pages, chromium() as browser:
            for size in SIZES:
                for scheme in SCHEMES:
                    await take(pages, browser, folder, size, scheme)


def keep(folder: Path, docs: Path) -> None:
    """Put the pictures that the documents show into their folder, small."""
    for picture in sorted(folder.glob("*.png")):
        if picture.stem in SHOWN or picture.stem.endswith("-wide-light"):
            (docs / picture.name).write_bytes(smaller(picture.read_bytes()))


if __name__ == "__main__":
    places = [Path(one) for one in sys.argv[1:3]] or [Path("build/screenshots"), Path("docs/pictures")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(places[0]))
    keep(*places)
