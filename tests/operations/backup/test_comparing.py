"""What needs no restic: names compared with files, what counts as whole, which part of the target is read today."""

import datetime
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.foundation.settings import parse
from mailserver.model.clock import DAY
from mailserver.operations.backup import kept, restoring, verifying
from mailserver.operations.backup.kept import Backup
from mailserver.operations.backup.restic import CannotBackUp, Repository, Snapshot, is_folder, shown
from mailserver.operations.health.findings import Grade
from mailserver.operations.health.restore_trial import examine_backups
from mailserver.store.upkeep import copying

LARGE = "ab/" + "ab" * 16
names = st.sets(st.integers(0, 255).map(lambda n: f"{n % 7:02x}/{n:032x}"))


@given(names, names, names)
def test_names_are_compared_with_files(wanted: set[str], shelf: set[str], held: set[str]) -> None:
    """As sets would say; in one pass."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "names"
        listed.write_text("".join(f"{name}\n" for name in sorted(wanted)))
        compared = verifying.Wanted(listed, Path(folder) / "blobs")
        for name in sorted(shelf):
            compared.see(f"/{name}", 1)
        compared.see("/instance-id", 33)
        for name in sorted(held):
            compared.see(f"/quarantine/{name}", 1)
        assert compared.missing() == sorted(wanted - shelf - held)


def test_another_length_is_told(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / LARGE).write_bytes(b"xy")
    (tmp_path / "names").write_text(f"{LARGE}\n")
    compared = verifying.Wanted(tmp_path / "names", tmp_path)
    compared.see(f"/{LARGE}", 1)
    assert compared.missing() == []
    assert compared.wrong == [LARGE]


def test_the_newest_of_a_time_is_chosen() -> None:
    def made(number: int, instance: str = "i") -> Backup:
        time = f"2026-10-25T00:{number:02}:00.000000+00:00"
        return Backup(str(number), time, instance, schema="s", version="v", engine="sqlite", parts={})

    backups = [made(number) for number in (1, 2, 3)]
    paris = datetime.timezone(datetime.timedelta(hours=2))
    assert restoring.choose(backups, None).id == "3"
    assert restoring.choose(backups, datetime.datetime(2026, 10, 25, 2, 2, tzinfo=paris)).id == "2"
    with pytest.raises(CannotBackUp):
        restoring.choose(backups, datetime.datetime(2026, 10, 25, tzinfo=paris))
    with pytest.raises(CannotBackUp):
        restoring.choose([*backups, made(4, "other")], None)


@pytest.mark.parametrize(("age", "most", "warned"), [(3, 3, True), (2, 3, False), (400, 0, False)])
def test_an_instance_that_nobody_backs_up_says_so(tmp_path: Path, age: int, most: int, warned: bool) -> None:
    (tmp_path / "secrets").mkdir()
    key = tmp_path / "secrets" / "hmac"
    key.write_text("x")
    os.utime(key, (time.time() - age * DAY - 60,) * 2)
    settings = parse(f'domain = "a.fr"\n[storage]\nbackup_days = {most}\n', tmp_path)
    grades = [finding.grade for finding in examine_backups(settings)]
    assert grades == ([Grade.WARNING] if warned else [])
    settings.data.mkdir()
    kept.note_made(settings.data, time.time())
    assert Grade.OK in [finding.grade for finding in examine_backups(settings)]


def test_passwords_are_neither_shown_nor_on_a_command_line() -> None:
    assert shown("rest:https://user:secret@ailleurs.fr/x") == "rest:https://***@ailleurs.fr/x"
    assert not is_folder("s3:https://ailleurs.fr/x")
    assert is_folder("/srv/sauvegarde")
    told = copying.program_environment("postgresql://moi:s%40cret@ailleurs.fr:5433/courrier?sslmode=require")
    assert told == {
        "PGUSER": "moi",
        "PGPASSWORD": "s@cret",
        "PGHOST": "ailleurs.fr",
        "PGPORT": "5433",
        "PGDATABASE": "courrier",
        "PGSSLMODE": "require",
    }


def test_only_whole_backups_count() -> None:
    tags = {"instance": "i", "schema": "s", "version": "v", "engine": "sqlite"}
    parts = [
        Snapshot(part, f"2026-01-0{n}", {**tags, "backup": "1", "part": part}) for n, part in enumerate(kept.PARTS)
    ]
    assert kept.whole(parts[1:]) == []
    assert [one.id for one in kept.whole(parts)] == ["1"]


def test_another_thirtieth_each_day() -> None:
    days = [datetime.date(2026, 1, 1) + datetime.timedelta(days) for days in range(30)]
    assert {verifying.part_of_the_day(day) for day in days} == {f"{n}/30" for n in range(1, 31)}


def parts_of(number: str, at: int, host: str = "a", *, times: dict[str, int] | None = None) -> list[Snapshot]:
    """What a backup has in its target: its parts, a minute apart."""
    tags = {"instance": "i", "schema": "s", "version": "v", "engine": "sqlite", "backup": number}
    clock = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    return [
        Snapshot(
            f"{number}-{part}",
            (clock + datetime.timedelta(minutes=(times or {}).get(part, at + n))).isoformat(timespec="microseconds"),
            {**tags, "part": part},
            host,
        )
        for n, part in enumerate((kept.DATABASE, kept.SETTINGS, kept.MESSAGES, kept.MANIFEST))
    ]


class Shelf:
    """A target with snapshots of a policy that keeps the last one alone."""

    def __init__(self, *backups: list[Snapshot]) -> None:
        self.found = sorted((one for parts in backups for one in parts), key=lambda one: one.time)

    def snapshots(self, *_: str) -> list[Snapshot]:
        return list(self.found)

    def surplus(self, *_: object) -> set[str]:
        """All manifests but the one whose time is last."""
        return {one.id for one in self.found if one.tags["part"] == kept.MANIFEST and one is not self.found[-1]}

    def forget(self, ids: list[str]) -> None:
        self.found = [one for one in self.found if one.id not in ids]

    def thin_out(self, made: str) -> set[str]:
        """The backups of which anything is left after this one was made."""
        backup = next(one for one in kept.whole(self.found) if one.id == made)
        kept.thin_out(cast("Repository", self), backup, kept.Keep(0, 0, 0))
        return {one.tags["backup"] for one in self.found}


def test_the_backup_that_was_just_made_stays() -> None:
    """The clock of a host that made one before was ahead: for the policy that one is the newest."""
    assert Shelf(parts_of("ahead", 1000), parts_of("made", 0), parts_of("old", -1000)).thin_out("made") == {
        "ahead",
        "made",
    }


def test_what_another_host_is_making_is_not_touched() -> None:
    begun = parts_of("theirs", 0, "b")[:3]
    assert Shelf(begun, parts_of("made", 10)).thin_out("made") == {"theirs", "made"}
    killed = parts_of("ours", 0)[:3]
    assert Shelf(killed, parts_of("made", 10)).thin_out("made") == {"made"}
    of_long_ago = parts_of("theirs", -3000, "b")[:3]
    assert Shelf(of_long_ago, parts_of("made", 10)).thin_out("made") == {"made"}


def test_the_part_that_was_read_back_counts_whatever_the_clock_said() -> None:
    """It was set back between two walks through the large messages: the first has the later time, and lacks some."""
    parts = parts_of("1", 0)
    broken = replace(parts[2], id="lacks-some", time="2026-01-01T00:02:30.000000+00:00")
    made = kept.Backup("1", "", "i", "s", "v", "sqlite", {kept.MESSAGES: parts[2].id})
    tags = dict(tag.split("=") for tag in kept.tags_of(made, kept.MANIFEST))
    manifest = replace(parts[3], tags=tags)
    assert [one.parts[kept.MESSAGES] for one in kept.whole([*parts[:3], broken, manifest])] == [parts[2].id]
    assert [one.parts[kept.MESSAGES] for one in kept.whole([*parts[:2], broken, manifest])] == ["lacks-some"]
