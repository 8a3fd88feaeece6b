"""Fixtures shared by every area: stores on both engines, running instances."""

import gc
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from passlib.hash import argon2  # type: ignore[import-untyped]

from directory.issuing import hashing
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.store.engine.transactions import Store
from tests import quick_restic as quick_restic_program
from tests.cutting import Cutter
from tests.harness import Instance
from tests.postgres import Postgres
from tests.schema import create_schema

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*programs): programs of Debian packages that the test talks to")
    os.environ["LC_ALL"] = "C.UTF-8"  # the command line speaks the language of the locale
    gc.disable()  # until every test is read
    config.addinivalue_line("markers", "alone: measures time or memory: `make test` runs it when nothing else does")
    config.addinivalue_line(
        "markers", "long: packages or networks are made: `make test-long` runs it, nothing else does"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where those of one mark are asked for, only files that have the mark are read."""
    mark = config.option.markexpr
    if mark in ("alone", "long") and collection_path.match("test_*.py"):
        return f"mark.{mark}" not in collection_path.read_text("utf-8") or None
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with a browser's tests among the others, and none of them last; and what cannot run is left out.

    A browser keeps its processor busy, and most other tests wait a good deal: side by side they take the least time. A
    file of a browser's tests takes minutes in one process: begun last, it would be waited for alone. Left out are those
    marked `long`, unless `-m` speaks of them or their file is named, and tests whose programs are missing, only where
    they cannot be installed (no root, no sudo). Everywhere else they run and fail: a missing program must not hide a
    failure.
    """
    if "long" not in config.option.markexpr:
        _leave_out_long(config, items)
    items[:] = _mixed(items)
    if os.geteuid() == 0 or os.environ.get("CI"):
        return
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        wanted = [name for mark in item.iter_markers("needs") for name in mark.args]
        if "postgresql" in item.name:
            wanted.append("postgresql")
        (left_out if any(not _installed(name) for name in wanted) else kept).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept
        config.stash[LEFT_OUT] = len(left_out)


BROWSERS_UNTIL = 0.8
"""The last file with a browser's tests begins when so much of the others has."""


def _mixed(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """File by file: those with a browser's tests at even distances, the ones that may take longest first."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    with_browser = [file for file in files.values() if any(map(needs_browser, file))]
    others = [file for file in files.values() if not any(map(needs_browser, file))]
    with_browser.sort(key=_may_take, reverse=True)
    placed = [(BROWSERS_UNTIL * place / len(with_browser), file) for place, file in enumerate(with_browser)]
    placed += [(place / len(others), file) for place, file in enumerate(others)]
    placed.sort(key=lambda one: one[0])
    return [item for _, file in placed for item in sorted(file, key=lambda item: not needs_browser(item))]


def _may_take(file: Sequence[pytest.Item]) -> float:
    """Seconds that its tests have by their own account."""
    return max((float(mark.args[0]) for item in file for mark in item.iter_markers("timeout")), default=0.0)


def _leave_out_long(config: pytest.Config, items: list[pytest.Item]) -> None:
    named = {Path(word.partition("::")[0]).resolve() for word in config.args}
    long = {item for item in items if item.get_closest_marker("long") and item.path not in named}
    if long:
        config.hook.pytest_deselected(items=list(long))
        items[:] = [item for item in items if item not in long]


def pytest_collection_finish() -> None:
    """Thousands of tests live to the end: the collector need not walk through them again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


def needs_browser(item: pytest.Item | None) -> bool:
    return item is not None and any("chromium" in mark.args for mark in item.iter_markers("needs"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Who sets the log up does so for one test."""
    structlog.reset_defaults()
    for handler in [one for one in logging.root.handlers if type(one).__module__.startswith("mailserver.")]:
        logging.root.removeHandler(handler)


LEFT_OUT = pytest.StashKey[int]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many tests did not run."""
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"{count} tests were left out: their programs are not installed (tests/install.sh)")


def _installed(program: str) -> bool:
    if program == "postgresql":
        spoken = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower()
        return "fr_fr.utf" in spoken and any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is not None


@pytest.fixture(scope="session", autouse=True)
def quick_hashing() -> Iterator[None]:
    """In this process a chosen password costs next to nothing; served instances take what they take in service."""
    with pytest.MonkeyPatch.context() as patch:
        quick = {"MEMORY_KIB": 64, "PASSES": 1}
        scheme = argon2.using(type="ID", memory_cost=quick["MEMORY_KIB"], time_cost=quick["PASSES"], parallelism=1)
        for name, value in {**quick, "NEVER": scheme.hash("nobody")}.items():
            patch.setattr(hashing, name, value)
        yield


COSTS = {name: getattr(hashing, name) for name in ("MEMORY_KIB", "PASSES", "NEVER")}


@pytest.fixture
def true_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what a password costs: what it costs in service."""
    for name, value in COSTS.items():
        monkeypatch.setattr(hashing, name, value)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL whose template database `mail` has our schema.

    Not under pytest's own folder: every further pytest of root closes that to other users, and the running
    cluster, which is not root's, loses its files.
    """
    with tempfile.TemporaryDirectory(prefix="mailserver-postgres-") as folder:
        server = Postgres(Path(folder))
        server.start()
        try:
            url = server.create()
            create_schema(url, Path())
            server.template = url.rsplit("/", 1)[1]
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def cutter(postgres: Postgres) -> Iterator[Cutter]:
    """Before a database of its own with our schema."""
    url = postgres.borrow()
    one = Cutter(url)
    yield one
    one.stop()
    postgres.give_back(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with our schema."""
    folder = tmp_path_factory.mktemp("template")
    create_schema(f"sqlite:///{folder / 'mail.db'}", folder)
    return folder / "mail.db"


StoreMaker = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreMaker]:
    """Opens further stores over one database: each stands for another process."""
    stores: list[Store] = []
    (tmp_path / "blobs").mkdir()
    server: Postgres | None = None
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "mail.db")
        url = f"sqlite:///{tmp_path / 'mail.db'}"
    else:
        server = request.getfixturevalue("postgres")
        assert server is not None
        url = server.borrow()

    def make() -> Store:
        store = Store(url, tmp_path, SystemClock(), Changes(), readers=2, writers=3)
        stores.append(store)
        return store

    yield make
    for store in stores:
        store.close()
    if server is not None:
        server.give_back(url)


@pytest.fixture
def store(make_store: StoreMaker) -> Store:
    """One store, on each engine in turn."""
    return make_store()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The demo academy, running with two workers; tests leave it as they found it or use their own people."""
    instance = Instance(tmp_path_factory.mktemp("demo") / "var")
    instance.init("--demo")
    instance.start("--workers", "2")
    try:
        yield instance
    finally:
        instance.stop()


@pytest.fixture(scope="module")
def quick_restic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For the tests of a module and whatever they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", quick_restic_program.put_before(tmp_path_factory.mktemp("restic")))
        yield


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Instance]:
    """Instances as `init` left them, by its options: `fresh` gives out copies."""
    folder = tmp_path_factory.mktemp("made")
    return _Made(folder)


class _Made(dict[tuple[str, ...], Instance]):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def __missing__(self, options: tuple[str, ...]) -> Instance:
        instance = self[options] = Instance(self._folder / str(len(self)))
        instance.init(*options)
        return instance


@pytest.fixture
def fresh(tmp_path: Path, made: dict[tuple[str, ...], Instance]) -> Iterator[Callable[..., Instance]]:
    """Makes instances of a test's own, each initialised and not yet started."""
    given: list[Instance] = []

    def make(*options: str) -> Instance:
        instance = Instance(tmp_path / f"instance{len(given)}")
        given.append(instance)
        instance.copy_of(made[options])
        return instance

    yield make
    for instance in given:
        instance.stop()
