"""Any config survives writing and reading; any text is read or explained."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.token_config import RequestBlock, TokenConfig
from services.config_service.document import read, write

_WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 :#'\"{}\[\],&*!|>%@`~/-]{0,20}[A-Za-z0-9]", fullmatch=True)
_NAMES = st.from_regex(r"[a-z][a-z0-9_-]{1,12}", fullmatch=True).filter(lambda name: "secret" not in name)
_PARAMETERS = st.dictionaries(_NAMES, _WORDS, max_size=4)
_BLOCKS = st.builds(
    RequestBlock,
    url=st.just("https://idp.example.test/token"),
    parameters=_PARAMETERS.map(lambda given: {f"x_{name}": value for name, value in given.items()}),
    autofill=_PARAMETERS,
    response=_PARAMETERS,
)
_CONFIGS = st.builds(
    TokenConfig,
    name=_WORDS.map(lambda name: " ".join(name.split())),
    template=_WORDS,
    validity=st.sampled_from(["valid", "invalid", "invalid-temporarily"]),
    client_id=st.none() | _WORDS,
    client_secret=st.none() | st.just("sealed:abc.def"),
    scope=st.none() | _WORDS,
    notify_expired_token=st.booleans(),
    notify_expired_refresh_token=st.booleans(),
    requests=st.fixed_dictionaries(
        {"AuthorizationCode": _BLOCKS, "TokenByAuthorizationCode": _BLOCKS, "TokenByRefreshToken": _BLOCKS}
    ),
    extra=_PARAMETERS.map(lambda given: {f"X{name}": value for name, value in given.items()}),
)


@settings(max_examples=60)
@given(_CONFIGS)
def test_any_config_is_read_as_it_was_written(config: TokenConfig) -> None:
    record = read(write(config))
    assert record.config == config, record.findings


@given(
    st.text(st.sampled_from("NameConfig: \n-{}[]'\"#x"), max_size=60)
    | st.text().map(lambda text: f"Name: x\nConfig:\n  {text}\n")
)
def test_any_text_is_read_or_explained(text: str) -> None:
    record = read(text)
    errors = [finding for finding in record.findings if finding.level == "error"]
    assert bool(errors) is (record.config is None)
    assert all(finding.message and finding.line for finding in errors)
