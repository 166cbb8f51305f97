"""A broker with its HTTP listener, for all tests of a module."""

import pytest

from harness import http as listener


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    started = listener.started(tmp_path_factory.mktemp("http"))
    yield started
    started.broker.close()
