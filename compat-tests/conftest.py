"""What holds for every folder: a broker for each test module, its log shown when a test fails; a limit for each test."""

import pytest
from xdist.scheduler import LoadScopeScheduling

from harness import limit
from harness.broker import new_broker


@pytest.fixture(scope="module")
def broker(request, tmp_path_factory):
    """A broker in a fresh folder. A module may set SETTINGS = {key: value} for it."""
    settings = getattr(request.module, "SETTINGS", None)
    instance = new_broker(tmp_path_factory.mktemp("broker"), settings)
    try:
        instance.start()
        yield instance
    finally:
        instance.close()


def pytest_configure():
    limit.prepare()


def pytest_collection_modifyitems(items):
    """Modules that may take long begin."""
    items.sort(key=lambda item: -getattr(item.module, "LIMIT_S", limit.TEST_S))


class Modules(LoadScopeScheduling):
    """What processes that test at a time share among them: whole modules, and the images, of which there is one engine."""

    def _split_scope(self, nodeid):
        return "images" if nodeid.startswith("images/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config, log):
    return Modules(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Each test with its fixtures. A module whose tests take longer than most sets LIMIT_S."""
    with limit.limited(item.nodeid, getattr(item.module, "LIMIT_S", limit.TEST_S)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    instance = getattr(item, "funcargs", {}).get("broker")
    if report.failed and instance is not None:
        report.sections.append(("broker", instance.log_tail()))
    return report
