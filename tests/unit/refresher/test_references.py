"""Two services, one rule: what config_service holds to be one name resolves as one name here."""

import pytest

from services.refresher.domain.names import is_renamed, name_keys


@pytest.mark.parametrize("reference", ["grosse/ämter 1", "GROSSE/ÄMTER  1", " Große/Ämter 1 "])
def test_a_name_is_found_in_whatever_case_and_spacing_it_is_asked_for(reference: str) -> None:
    assert name_keys(reference, ()) == name_keys("Große/Ämter 1", ())
    assert not is_renamed(reference, "Große/Ämter 1")
