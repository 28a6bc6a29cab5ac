"""Pictures of pages without what no eye misses: 64 colours are enough for a page, and a quarter of the bytes."""

from io import BytesIO
from typing import Final

from PIL import Image

COLOURS: Final = 64


def smaller(png: bytes) -> bytes:
    """Return the picture with a palette of its own, packed as well as PNG can."""
    packed = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(packed, "PNG", optimize=True)
    return packed.getvalue()
