import ssl

import pytest

from grantkeeper_client import kafka_security


def test_nothing_said_means_a_plain_connection() -> None:
    assert kafka_security() == {"security_protocol": "PLAINTEXT"}


def test_tls_always_checks_the_brokers_name() -> None:
    context = kafka_security("SSL")["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_a_login_is_given_in_aiokafkas_words() -> None:
    security = kafka_security("SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512", sasl_username="u", sasl_password="p")
    assert security == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
    }


def test_half_a_login_is_refused() -> None:
    with pytest.raises(ValueError, match="needs sasl_mechanism"):
        kafka_security("SASL_SSL", sasl_username="u")


def test_a_mechanism_without_its_protocol_is_refused() -> None:
    """It would send nothing at all, and the connection would be open to everybody."""
    with pytest.raises(ValueError, match="SASL_SSL"):
        kafka_security("SSL", sasl_mechanism="PLAIN")
