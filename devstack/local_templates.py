"""The templates of a local stack: the product's own, and one for the provider that runs beside it."""

import re
import shutil
from pathlib import Path

from devstack.layout import DEFAULT_PORT_BASE, OFFSETS, Layout

SHIPPED = Path(__file__).resolve().parent.parent / "templates"
LOCAL = Path(__file__).resolve().parent / "templates"


def prepare_templates(layout: Layout) -> None:
    """Fill the stack's folder of templates anew; local addresses get the ports of this stack."""
    shutil.rmtree(layout.templates, ignore_errors=True)
    shutil.copytree(SHIPPED, layout.templates)
    for path in LOCAL.glob("*.yaml"):
        (layout.templates / path.name).write_text(_here(path.read_text("utf-8"), layout), "utf-8")


def _here(text: str, layout: Layout) -> str:
    ports = {str(DEFAULT_PORT_BASE + offset): str(layout.port(purpose)) for purpose, offset in OFFSETS.items()}
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda found: ports.get(found[0], found[0]), text)
