"""`/sante/pret` and `/etat` tell the truth: each part is broken in turn, and named."""

import asyncio
import datetime
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert

from directory.ldap import LdapDirectory
from mailserver.foundation.settings import LdapDirectory as LdapSection
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import make_certificate
from mailserver.model.errors import Temporary
from mailserver.model.identity import Principal
from mailserver.notices import announcements
from mailserver.operations.health import disk_space, figures, service_state
from mailserver.operations.health.service_state import Health, bounded
from mailserver.store.queue import spool
from mailserver.store.schema.mail.search import search_account
from mailserver.store.search import content_texts, segments
from mailserver.store.upkeep import condition
from mailserver.store.upkeep import figures as upkeep_figures
from tests.certificate_files import write_pair
from tests.clocks import StandingClock
from tests.waiting import PATIENCE
from tests.webui.house import DOMAIN, House, Visitor


@pytest.fixture
def looked_at(house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """Each question is a look."""
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    monkeypatch.setattr(service_state, "DIRECTORY_REMEMBERED", 0.0)
    return house


def ready(visitor: Visitor) -> tuple[int, list[str]]:
    answer = visitor.get("/sante/pret")
    assert answer.json()["ready"] is (answer.status_code == 200)
    return answer.status_code, answer.json()["failing"]


def test_all_is_well(looked_at: House, visitor: Visitor) -> None:
    assert ready(visitor) == (200, [])


def test_a_full_disk(looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for is more than the disk has."""
    monkeypatch.setitem(looked_at.settings.storage.__dict__, "free_octets", 1 << 60)
    assert ready(visitor) == (503, ["room", "spare"])


def test_the_disk_of_a_database_elsewhere(looked_at: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's file may lie on a disk of its own."""
    settings = Settings.model_validate(
        {"domain": DOMAIN, "directory": tmp_path / "nowhere", "database": {"url": f"sqlite:///{tmp_path}/mail.db"}}
    )
    assert list(disk_space.full(settings)) == []
    monkeypatch.setitem(settings.storage.__dict__, "free_octets", 1 << 60)
    assert [one.folder for one in disk_space.full(settings)] == [tmp_path]
    assert disk_space.folders(settings).keys() == {"data", "blobs", "database"}
    assert disk_space.folders(looked_at.settings).keys() == {"data", "blobs"}


def test_the_disk_of_large_messages_is_gone(looked_at: House, visitor: Visitor) -> None:
    folder = looked_at.settings.data / "blobs"
    aside = folder.with_name("elsewhere")
    folder.rename(aside)
    try:
        assert ready(visitor) == (503, ["reads", "writes"])
    finally:
        aside.rename(folder)
    assert ready(visitor) == (200, [])


def test_object_storage_is_out_of_reach(looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every host sees it alike: a proxy that took all of them out would end what goes on without it."""
    monkeypatch.setitem(looked_at.settings.octets.__dict__, "url", "s3://messagerie/academie")
    assert ready(visitor) == (200, [])
    folder = looked_at.settings.data / "blobs"
    aside = folder.with_name("elsewhere")
    folder.rename(aside)
    try:
        assert ready(visitor) == (200, ["octets"])
        assert "Grandes pièces jointes" in visitor.get("/etat").text
    finally:
        aside.rename(folder)
    assert ready(visitor) == (200, [])


def test_a_part_that_hangs_is_away(looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the answer nor those who ask later wait for it."""
    monkeypatch.setattr(service_state, "ANSWER_SECONDS", 0.05)

    async def hangs(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(looked_at.directory, "find", hangs)
    status, failing = ready(visitor)
    assert (status, "directory" in failing) == (503, True)


def test_a_store_that_hangs(looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who turns is alive, who cannot serve is not ready, and what processes count is told."""
    monkeypatch.setattr(service_state, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(figures, "STORE_SECONDS", 0.05)
    monkeypatch.setattr(figures, "REMEMBERED", 0.0)

    async def hangs(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    for name in ("read", "read_slow", "write"):
        monkeypatch.setattr(looked_at.store, name, hangs)
    looked_at.run(nothing_is_known(looked_at))
    assert visitor.get("/sante/vif").status_code == 200
    status, failing = ready(visitor)
    assert (status, {"reads", "writes"} <= set(failing)) == (503, True)
    told = visitor.get("/metrics").text
    assert 'mailserver_healthy{part="reads"} 0.0' in told
    assert "mailserver_connections_total" in told
    assert "mailserver_disk_free_bytes" in told
    assert "mailserver_queue_deliveries" not in told
    # And a page for people comes, with what was posted before.
    monkeypatch.setattr(announcements, "ANSWER_SECONDS", 0.05)
    assert visitor.get("/etat").status_code == 503


@pytest.mark.parametrize(
    ("path", "asked", "answers"),
    [
        ("/sante/pret", (condition.look, condition.try_writing, spool.next_due), ['"failing":[]']),
        (
            "/metrics",
            (condition.look, condition.try_writing, upkeep_figures.take),
            ['mailserver_healthy{part="reads"} 1.0', "mailserver_queue_deliveries{"],
        ),
    ],
)
def test_what_hangs_is_asked_at_once(
    looked_at: House,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    asked: Sequence[object],
    answers: Sequence[str],
) -> None:
    """None waits for the time of another: Prometheus and HAProxy go away after ten seconds, and take the host for dead
    where they are to be told that its store hangs."""
    monkeypatch.setattr(service_state, "ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(figures, "STORE_SECONDS", PATIENCE)
    monkeypatch.setattr(figures, "REMEMBERED", 0.0)
    missing, all_are = list(asked), asyncio.Event()

    def after_all(real: Callable[..., Any]) -> Callable[..., Any]:
        async def answer(*questions: Any, **more: Any) -> Any:
            missing[:] = [one for one in missing if one not in questions]
            if not missing:
                all_are.set()
            await all_are.wait()
            return await real(*questions, **more)

        return answer

    for name in ("read", "read_slow", "write"):
        monkeypatch.setattr(looked_at.store, name, after_all(getattr(looked_at.store, name)))
    visitor.http.timeout = 2 * PATIENCE
    told = visitor.get(path)
    assert told.status_code == 200
    assert all(answer in told.text for answer in answers)


async def nothing_is_known(house: House) -> None:
    """What was read before is to be read again, bulletins among it."""
    house.changes.publish_all()


def test_a_disk_that_hangs(looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is asked, it keeps one thread that nobody else needs."""
    monkeypatch.setattr(service_state, "ANSWER_SECONDS", 0.05)
    goes_on, asked = threading.Event(), list[None]()

    def full(_settings: Settings) -> list[Any]:
        asked.append(None)
        goes_on.wait()
        return []

    monkeypatch.setattr(disk_space, "full", full)
    try:
        for _ in range(3):
            status, failing = ready(visitor)
            assert (status, {"reads", "writes", "room"} <= set(failing)) == (503, True)
        assert len(asked) == 1
    finally:
        goes_on.set()


def test_a_question_that_is_not_answered_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_state, "ANSWER_SECONDS", 0.01)
    with pytest.raises(Temporary):
        asyncio.run(bounded(asyncio.sleep(3600)))


def test_a_directory_is_asked_and_not_its_memory(
    looked_at: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that remembers its answers cannot hide that it is dead: each look is about another name."""
    asked: list[str] = []

    async def find(login: str) -> Principal | None:
        asked.append(login)
        return None

    monkeypatch.setattr(looked_at.directory, "find", find)
    for _ in range(3):
        assert ready(visitor) == (200, [])
    assert len(set(asked)) == 3


def test_a_dead_ldap_server(looked_at: House) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        ldap = LdapSection(url=f"ldap://127.0.0.1:{nobody.getsockname()[1]}", base="dc=x", timeout=2)
        settings = Settings.model_validate({"domain": DOMAIN, "ldap": ldap, "directory": looked_at.settings.directory})
        dead = LdapDirectory(settings=settings, store=looked_at.store, clock=looked_at.clock)
        health = Health(settings=looked_at.settings, store=looked_at.store, directory=dead, clock=looked_at.clock)
        try:
            assert not looked_at.run(health.state()).directory
        finally:
            dead.close()


def test_an_index_that_nobody_works_on(looked_at: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few wait, and the oldest for too long; one that is worked on is not stale, however busy."""
    clock = StandingClock()
    store, directory = looked_at.store, looked_at.directory
    health = Health(settings=looked_at.settings, store=store, directory=directory, clock=clock)
    pending = [7, 8]
    monkeypatch.setattr(content_texts, "waiting", lambda tx, most: pending[:most])

    def keeps_up(seconds: float) -> bool:
        clock.step(seconds)
        return looked_at.run(health.state()).index

    assert keeps_up(0)
    assert keeps_up(service_state.STALE_SECONDS - 1)
    assert not keeps_up(1)
    del pending[0]
    assert keeps_up(0)
    pending[:] = []
    assert keeps_up(service_state.STALE_SECONDS)
    monkeypatch.setattr(service_state, "MOST_BEHIND", 2)
    pending[:] = [9, 10]
    assert not keeps_up(0)


def test_accounts_whose_texts_nobody_puts_into_segments(looked_at: House) -> None:
    """However few texts wait to be made; an account that has just got many is served in its turn."""
    clock = StandingClock()
    store, directory = looked_at.store, looked_at.directory
    health = Health(settings=looked_at.settings, store=store, directory=directory, clock=clock)

    def keeps_up(seconds: float, waiting: int) -> bool:
        values = {"account_id": 1, "waiting": waiting}
        store.write_now(lambda tx: tx.execute(delete(search_account)))
        store.write_now(lambda tx: tx.execute(insert(search_account).values(**values)))
        clock.step(seconds)
        return looked_at.run(health.state()).index

    assert keeps_up(0, segments.NEGLECTED)
    assert keeps_up(service_state.STALE_SECONDS - 1, 10 * segments.NEGLECTED)
    assert not keeps_up(1, segments.NEGLECTED)
    assert keeps_up(0, segments.NEGLECTED - 1)
    assert keeps_up(service_state.STALE_SECONDS, segments.NEGLECTED)


def test_a_certificate_that_is_over(looked_at: House, visitor: Visitor) -> None:
    """It is told and takes no host out of service: every host has the same."""
    certificate, key = looked_at.settings.certificate, looked_at.settings.private_key
    kept = {path: path.read_bytes() for path in (certificate, key)}
    try:
        for path in kept:
            path.unlink()
        make_certificate(certificate, key, [DOMAIN], datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=900))
        assert ready(visitor) == (200, ["certificate"])
        certificate.unlink()
        assert ready(visitor) == (200, ["certificate"])
    finally:
        for path, octets in kept.items():
            path.write_bytes(octets)
    assert ready(visitor) == (200, [])


def test_a_further_certificate_that_is_over(looked_at: House, visitor: Visitor) -> None:
    """Whoever comes by its name is warned, as with the instance's own."""
    folder = looked_at.settings.certificate.parent / "sni" / "webmail.ac-exemple.fr"
    try:
        write_pair(folder, "webmail.ac-exemple.fr", days=-1)
        assert ready(visitor) == (200, ["certificate"])
        write_pair(folder, "webmail.ac-exemple.fr")
        assert ready(visitor) == (200, [])
        write_pair(folder, DOMAIN, days=-1)
        assert ready(visitor) == (200, ["certificate"]), "its folder's name is one that nothing else is for"
        folder.rename(folder.with_name(DOMAIN))
        assert ready(visitor) == (200, []), "the instance's own takes its place"
    finally:
        shutil.rmtree(folder.parent)


@pytest.fixture
def broken(tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(service_state, "REMEMBERED", 0.0)
    made = House(tmp_path / "house", sqlite_template)
    yield made
    made.close()


def test_a_damaged_database(broken: House) -> None:
    """Its pages were written over behind our back."""
    visitor = broken.visitor()
    assert ready(visitor) == (200, [])
    path = broken.settings.data / "mail.db"
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
        file.flush()
        os.fsync(file.fileno())
    for name in ("mail.db-wal", "mail.db-shm"):
        shutil.rmtree(broken.settings.data / name, ignore_errors=True)
    status, failing = ready(visitor)
    assert status == 503
    assert {"reads", "intact"} & set(failing)
