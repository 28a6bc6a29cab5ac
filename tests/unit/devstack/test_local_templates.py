"""The folder of templates that a local stack serves."""

from pathlib import Path

from devstack.layout import Layout
from devstack.local_templates import prepare_templates
from services.config_service.document import read


def test_the_stack_serves_the_shipped_templates_and_its_own_with_its_own_ports(tmp_path: Path) -> None:
    layout = Layout(tmp_path, port_base=19010)
    layout.templates.mkdir()
    (layout.templates / "left-over.yaml").write_text("Name: old")
    prepare_templates(layout)
    found = {path.stem for path in layout.templates.glob("*.yaml")}
    assert {"google-mail", "openid-connect", "local-provider"} <= found
    assert "left-over" not in found
    record = read((layout.templates / "local-provider.yaml").read_text("utf-8"), template=True)
    assert record.config is not None
    options = record.config.options
    assert options.issuer == "http://127.0.0.1:19030/strict"
    assert (options.servers.imap, options.servers.smtp) == ("127.0.0.1:19040", "127.0.0.1:19041")
    assert (options.discovery, options.rotation) == (True, "strict")
    assert {finding.code for finding in record.findings} == {"address_not_encrypted"}
