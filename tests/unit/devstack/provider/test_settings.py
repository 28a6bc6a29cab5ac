"""The settings file, and what is wrong with it said by name."""

from pathlib import Path

import pytest

from devstack.provider.settings import DEMO_CLIENT_ID, ProviderSettings, Rotation


def write(folder: Path, text: str) -> Path:
    path = folder / "provider.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_there_are_four_realms_with_a_rule_each_and_a_demo_client() -> None:
    settings = ProviderSettings()
    assert {name: realm.rotation for name, realm in settings.realms.items()} == {
        "google": Rotation.NONE,
        "microsoft": Rotation.KEEP_OLD,
        "strict": Rotation.STRICT,
        "grace": Rotation.GRACE,
    }
    assert DEMO_CLIENT_ID in [client.client_id for client in settings.clients]


def test_a_file_names_realms_and_clients(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [realms.mine]
        rotation = "grace"
        grace = 5
        [[clients]]
        client_id = "app"
        secrets = ["s3cret"]
        redirect_uris = ["https://app.example.test/callback"]
        """,
    )
    settings = ProviderSettings.load(path)
    assert settings.realms["mine"].grace == 5
    assert "s3cret" not in repr(settings)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[realms.mine]\nrotation = 'sometimes'", r"provider.toml: realms.mine.rotation: Input should be 'none'"),
        ("[realms.mine]\nacess_token_life = 5", r"provider.toml: realms.mine.acess_token_life: Extra inputs"),
        ("[[clients]]\nsecrets = ['hush']", r"provider.toml: clients.0.client_id: Field required"),
        ("[realms", r"provider.toml: cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_named_with_the_key_and_no_secret(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as error:
        ProviderSettings.load(write(tmp_path, text))
    assert "hush" not in str(error.value)
