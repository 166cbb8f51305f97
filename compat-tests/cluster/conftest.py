"""A cluster of three nodes for each module; its logs are shown when a test fails."""

import pytest

from harness.cluster import Cluster
from harness.namespaces import Namespaces


@pytest.fixture(scope="module")
def cluster(request, tmp_path_factory):
    """Three nodes on loopback that all know each other. A module may set SETTINGS."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), 3, getattr(request.module, "SETTINGS", None))
    yield from started(made)


def started(made):
    try:
        made.start()
    except BaseException:
        print(made.log_tail())
        made.close()
        raise
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def namespaces():
    if not Namespaces.is_possible():
        pytest.skip("network namespaces can't be made here: links can't be cut")
    with Namespaces(3) as made:
        yield made


@pytest.fixture(scope="module")
def cut_cluster(request, namespaces, tmp_path_factory):
    """Three nodes, each in a network namespace."""
    made = Cluster(tmp_path_factory.mktemp("cluster"), 3, getattr(request.module, "SETTINGS", None), namespaces)
    yield from started(made)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    for name in ("cluster", "cut_cluster"):
        instance = getattr(item, "funcargs", {}).get(name)
        if report.failed and instance is not None:
            report.sections.append((name, instance.log_tail()))
    return report
