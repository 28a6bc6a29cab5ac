"""What scenarios need beside the refresher's other fixtures."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from devstack.provider.server import ProviderThread
from services.refresher.leases import LEASE_SECONDS
from tests.partners.fixtures import provider_settings


@pytest.fixture
def lease() -> timedelta:
    """A little more than a lease lasts."""
    return timedelta(seconds=LEASE_SECONDS + 1)


@pytest.fixture
def other_provider() -> Iterator[ProviderThread]:
    """A second provider, on another host to us."""
    with ProviderThread(provider_settings(), time.time) as running:
        yield running
