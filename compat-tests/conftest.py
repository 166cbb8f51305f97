"""The fixtures of every client folder: one broker for each test module, its log shown when a test fails."""

import pytest

from harness.broker import new_broker


@pytest.fixture(scope="module")
def broker(request, tmp_path_factory):
    """A broker in a fresh folder. A module may set SETTINGS = {key: value} for it."""
    settings = getattr(request.module, "SETTINGS", None)
    instance = new_broker(tmp_path_factory.mktemp("broker"), settings)
    instance.start()
    yield instance
    instance.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    instance = getattr(item, "funcargs", {}).get("broker")
    if report.failed and instance is not None:
        report.sections.append(("broker", instance.log_tail()))
