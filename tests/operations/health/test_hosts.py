"""What `mailserver check` says of several hosts that serve one instance."""

import asyncio
import dataclasses
import json
import os
from pathlib import Path

import pytest
from sqlalchemy import update

from mailserver.background.host_beat import CLOCK_TOLD_SECONDS, ClockWatch, HostBeat
from mailserver.foundation import instance_lock
from mailserver.foundation.instance_lock import Note
from mailserver.foundation.settings import Database, Settings, load
from mailserver.operations.health import hosts as examined
from mailserver.operations.health.findings import Grade
from mailserver.operations.health.instance import create
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.service.keeping import host
from mailserver.store.upkeep import host_facts, hosts
from mailserver.store.upkeep.hosts import Host, Seen
from tests.clocks import StandingClock


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return create(tmp_path / "here", "ac-exemple.fr")


def told(here: Host, *seen: Seen) -> list[tuple[Grade, str]]:
    return [(finding.grade, finding.text.to("en")) for finding in examined.compare(here, seen, Database())]


async def test_hosts_say_that_they_serve(store: Store, settings: Settings) -> None:
    one = host_facts.describe(settings, "a" * 32, 2)
    two = dataclasses.replace(one, id="b" * 32, name="deux")
    for said in (one, two, one):
        await store.write(hosts.beat, said)
    seen = await store.read(hosts.all_of)
    assert {each.host.id: each.host for each in seen} == {one.id: one, two.id: two}
    assert not any(each.is_gone for each in seen)
    assert all(abs(each.skew) < 2000 for each in seen)
    assert [grade for grade, _ in told(one, *seen)] == [Grade.OK]
    await store.write(silence, two.id, 40)
    assert [each.host.id for each in await store.read(hosts.all_of) if each.is_gone] == [two.id]
    await store.write(hosts.leave, one.id)
    assert [each.host for each in await store.read(hosts.all_of)] == [two]
    await store.write(silence, two.id, 31 * 86400)
    await store.write(hosts.beat, one)
    assert [each.host for each in await store.read(hosts.all_of)] == [one], "a month of silence is forgotten"


async def test_a_host_whose_id_another_has_says_so(
    store: Store, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was copied with its data."""
    beat = HostBeat(settings=settings, store=store, workers=2)
    here = host_facts.describe(settings, "", 2)
    await store.write(hosts.beat, dataclasses.replace(here, name="before it was renamed"))
    for _ in range(2):
        await beat.beat()
    assert "host-id" not in capfd.readouterr().out
    for _ in range(2):
        await store.write(hosts.beat, dataclasses.replace(here, name="copy"))
        await beat.beat()
    assert capfd.readouterr().out.count("another host has the same data/host-id") == 1


async def test_who_hands_over_takes_no_leave_of_the_others(store: Store, settings: Settings) -> None:
    """The host serves: an upgrade or a move by another one, in the seconds until its next word, has to know of it."""
    beat = HostBeat(settings=settings, store=store, workers=1)
    running = asyncio.create_task(beat.run())
    while not await store.read(hosts.all_of):
        await asyncio.sleep(0.01)
    running.cancel()
    lock = instance_lock.hold(settings.directory)
    try:
        instance_lock.leave_note(lock, Note(os.getpid(), "of who has taken over"))
        await beat.leave()
        assert await store.read(hosts.all_of)
        instance_lock.leave_note(lock, Note(os.getppid(), "of our own supervisor"))
        await beat.leave()
        assert not await store.read(hosts.all_of)
    finally:
        os.close(lock)


def silence(tx: Tx, identifier: str, seconds: int) -> None:
    tx.execute(update(host).where(host.c.id == identifier).values(beat=host.c.beat - seconds))


def test_what_disagrees_is_told(settings: Settings) -> None:
    here = host_facts.describe(settings, "a" * 32, 2)
    there = dataclasses.replace(here, id="b" * 32, name="deux")
    assert [grade for grade, _ in told(here, Seen(there, 3, -40))] == [Grade.OK]
    assert told(here, Seen(there, 99, 0)) == [(Grade.WARNING, "deux has given no sign of life for 99 s")]
    assert [grade for grade, _ in told(here, Seen(there, 0, 4999), Seen(there, 0, -4999))] == [Grade.OK]
    assert told(here, Seen(there, 0, -5000)) == [(Grade.WARNING, "the clock of deux is -5 s off the database's")]
    assert told(here, Seen(there, 0, 59_999)) == [(Grade.WARNING, "the clock of deux is 60 s off the database's")]
    assert told(here, Seen(there, 0, 60_000)) == [(Grade.PROBLEM, "the clock of deux is 60 s off the database's")]
    older = dataclasses.replace(there, version="0.6.0", schema="0021")
    assert [grade for grade, _ in told(here, Seen(older, 0, 0))] == [Grade.WARNING]
    other = dataclasses.replace(there, settings={**there.settings, "smtp": "x", "secrets": "y"})
    assert told(here, Seen(other, 0, 0)) == [(Grade.PROBLEM, "deux has other settings than this host: secrets, smtp")]


def test_connections_suffice_also_while_a_host_restarts(settings: Settings) -> None:
    here = dataclasses.replace(host_facts.describe(settings, "a" * 32, 2), connections=30)
    large = dataclasses.replace(here, id="b" * 32, connections=40)
    seen = [Seen(here, 0, 0), Seen(large, 0, 0), Seen(large, 99, 0)]
    for most, grade in ((120, Grade.OK), (119, Grade.WARNING)):
        (finding,) = examined.count_connections(seen, most)
        assert finding.grade is grade
        assert finding.text.to("en").startswith("120 connections")


def test_a_clock_that_is_off_is_told_once_while_it_is(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    clock = OffClock()
    watch = ClockWatch(settings, clock)

    def said(skew: float, later: float = 0.0) -> list[str]:
        clock.off = skew
        clock.step(later)
        watch.look()
        return [line.split("]")[0].split("[")[-1].strip() for line in capfd.readouterr().out.splitlines()]

    assert said(4.9) == []
    assert said(-5.0) == ["warning"]
    assert said(30.0) == []
    assert said(60.0) == ["error"]
    assert said(60.0, CLOCK_TOLD_SECONDS) == ["error"]
    assert said(0.1) == ["info"]
    assert said(0.1, CLOCK_TOLD_SECONDS) == []


class OffClock(StandingClock):
    off = 0.0

    @property
    def skew(self) -> float:
        return self.off


def test_what_must_agree_and_what_need_not(settings: Settings) -> None:
    path = settings.directory / "mailserver.toml"
    first = host_facts.fingerprints(settings)
    secret = settings.secret("hmac").hex()
    assert secret not in json.dumps(first)
    text = path.read_text()
    path.write_text(text.replace("[listen]", 'workers = 3\n[log]\nlevel = "debug"\n[listen]\nsmtp = 3025'))
    assert host_facts.fingerprints(load(settings.directory)) == first
    for own in (
        "[storage]\nbackup_days = 0",
        '[outbound]\nsource = "192.0.2.10"\nsource_names = { "192.0.2.10" = "a.fr" }',
    ):
        path.write_text(f"{text}\n{own}\n")
        assert host_facts.fingerprints(load(settings.directory)) == first
    path.write_text(text + '\n[limits]\nquota = 1000\n[octets]\nurl = "/srv/octets"\n')
    changed = host_facts.fingerprints(load(settings.directory))
    assert {name for name, value in first.items() if changed[name] != value} == {"limits", "octets"}
    path.write_text(text)
    (settings.directory / "secrets" / "ldap-admin").write_text("another")
    changed = host_facts.fingerprints(settings)
    assert {name for name, value in first.items() if changed[name] != value} == {"secrets"}


@pytest.mark.parametrize("name", ["charter.txt", "holidays.json", "sieve/commun.sieve"])
def test_what_is_read_beside_the_settings_agrees(settings: Settings, name: str) -> None:
    """A script that one host lacks would sort mail there otherwise; a charter would be shown at every login."""
    first = host_facts.fingerprints(settings)
    path = settings.directory / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("one")
    second = host_facts.fingerprints(settings)
    path.write_text("other")
    third = host_facts.fingerprints(settings)
    for before, after in ((first, second), (second, third)):
        assert {section for section, value in before.items() if after[section] != value} == {"files"}


def test_a_host_without_the_key_of_the_authority_is_told(settings: Settings) -> None:
    """It would never renew, and nobody would know before the host that does is gone."""
    path = settings.directory / "mailserver.toml"
    path.write_text(path.read_text() + "\n[acme]\nagree_to_terms = true\n")
    settings = load(settings.directory)
    first = host_facts.fingerprints(settings)
    (settings.directory / "secrets" / "acme-account.pem").write_text("a key")
    changed = host_facts.fingerprints(settings)
    assert {name for name, value in first.items() if changed[name] != value} == {"secrets"}


def test_a_host_keeps_its_id(tmp_path: Path) -> None:
    first = host_facts.host_id(tmp_path)
    assert host_facts.host_id(tmp_path) == first
    (tmp_path / "host-id").write_text("nonsense")
    assert host_facts.host_id(tmp_path) not in (first, "nonsense")
