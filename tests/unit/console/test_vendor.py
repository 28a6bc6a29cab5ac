"""What others wrote is what they published: by hash, with version and licence, and nothing more."""

from hashlib import sha256
from pathlib import Path

import yaml

VENDOR = Path(__file__).parents[3] / "services" / "console" / "static" / "vendor"


def test_vendored_files_are_those_of_the_manifest() -> None:
    manifest = yaml.safe_load((VENDOR / "manifest.yaml").read_text())
    for one in manifest:
        assert sha256((VENDOR / one["file"]).read_bytes()).hexdigest() == one["sha256"], one["file"]
        assert all(one[name] for name in ("version", "licence", "package", "path"))
        assert (VENDOR / one["licence_file"]).stat().st_size > 300
    named = {one["file"] for one in manifest} | {one["licence_file"] for one in manifest} | {"manifest.yaml"}
    assert {file.name for file in VENDOR.iterdir()} == named
