"""A certificate in its place: whenever a process ends, what stands there is one certificate with its own key."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mailserver.certificates import files
from mailserver.certificates.files import Files, public_half
from mailserver.certificates.proofs import new_key
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import Pair, read_pair
from tests.certificate_files import write_pair

NOBODY = 65534


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(domain="ac-exemple.fr", directory=tmp_path)
    write_pair(tmp_path / "tls", "avant")
    return made


def another(settings: Settings, subject: str) -> Pair:
    """A certificate that somebody obtained."""
    folder = settings.directory / "elsewhere" / subject
    write_pair(folder, subject)
    return read_pair(folder / "cert.pem", folder / "key.pem")


def installed(settings: Settings, number: int, pair: Pair) -> None:
    Files(settings).install(number, pair.chain.decode(), pair.key)


def current(settings: Settings) -> Pair:
    return read_pair(settings.certificate, settings.private_key)


def test_one_after_another(settings: Settings) -> None:
    first, tls = current(settings), settings.directory / "tls"
    pairs = [another(settings, f"n{number}") for number in range(1, 6)]
    for number, pair in enumerate(pairs, 1):
        assert not Files(settings).has(number, pair.chain.decode())
        installed(settings, number, pair)
        assert Files(settings).has(number, pair.chain.decode())
        assert current(settings).chain == pair.chain
        installed(settings, number, pair)
        assert current(settings).chain == pair.chain
    kept = {one.name.partition("-")[0] for one in (tls / "acme").iterdir() if one.name[0].isdigit()}
    assert kept == {"3", "4", "5"}, "the last one and two before"
    assert read_pair(tls / "acme" / "before-1" / "cert.pem", tls / "acme" / "before-1" / "key.pem").key == first.key
    every = [tls, *tls.rglob("*")]
    assert all(path.stat().st_mode & 0o077 == 0 for path in every if path.name != "tls" and not path.is_symlink())


class Died(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("number", [1, 2], ids=["first", "second"])
def test_however_it_ends_certificate_and_key_belong_together(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Killed at each change of the disk in turn, then done again to the end."""
    if number == 2:
        installed(settings, 1, another(settings, "n1"))
    steps = 0
    while True:
        new, before = another(settings, f"n{number}x{steps}"), current(settings).chain
        left = steps

        def dying(real: Callable[..., object]) -> Callable[..., object]:
            def call(*args: object, **more: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Died
                return real(*args, **more)

            return call

        with monkeypatch.context() as patch:
            for module, names in ((os, ("replace", "rename", "symlink")), (files, ("_sync",))):
                for name in names:
                    patch.setattr(module, name, dying(getattr(module, name)))
            try:
                installed(settings, number, new)
            except Died:
                assert current(settings).chain in (before, new.chain)
            else:
                assert current(settings).chain == new.chain
                break
        # Whoever comes next asks before whether there is anything to do.
        if not Files(settings).has(number, new.chain.decode()):
            installed(settings, number, new)
        assert current(settings).chain == new.chain
        assert Files(settings).has(number, new.chain.decode())
        steps += 1
    assert steps > 5


def test_what_cannot_be_used_changes_nothing(settings: Settings) -> None:
    before, pair = current(settings).chain, another(settings, "n1")
    with pytest.raises(SettingsError):
        Files(settings).install(1, pair.chain.decode(), new_key())
    with pytest.raises(SettingsError):
        Files(settings).install(1, "-----BEGIN CERTIFICATE-----\nMIIB", pair.key)
    assert current(settings).chain == before
    assert not settings.certificate.is_symlink()


def test_one_that_an_operator_put_there_is_taken_over_and_kept(settings: Settings) -> None:
    installed(settings, 1, another(settings, "n1"))
    write_pair(settings.directory / "tls", "de-lui")
    his = current(settings)
    assert not settings.certificate.is_symlink()
    installed(settings, 2, another(settings, "n2"))
    assert settings.certificate.is_symlink()
    kept = settings.directory / "tls" / "acme" / "before-2"
    assert read_pair(kept / "cert.pem", kept / "key.pem").chain == his.chain


def test_after_a_copy_that_followed_links(settings: Settings, tmp_path: Path) -> None:
    """As a backup that was restored: files where links were."""
    installed(settings, 1, another(settings, "n1"))
    chain = current(settings).chain
    restored = settings.model_copy(update={"directory": tmp_path / "restored"})
    shutil.copytree(settings.directory / "tls", restored.directory / "tls", symlinks=False)
    assert not restored.certificate.is_symlink()
    assert current(restored).chain == chain
    assert Files(restored).has(1, chain.decode())
    new = another(restored, "n2")
    installed(restored, 2, new)
    assert current(restored).chain == new.chain
    assert restored.certificate.is_symlink()
    installed(restored, 3, another(restored, "n3"))


def test_the_same_number_of_another_database_is_another_certificate(settings: Settings) -> None:
    one, two = another(settings, "n1"), another(settings, "n2")
    installed(settings, 7, one)
    assert not Files(settings).has(7, two.chain.decode())
    installed(settings, 7, two)
    assert current(settings).chain == two.chain


def test_the_next_key_is_announced_by_its_public_half(settings: Settings) -> None:
    path, key = settings.directory / "tls" / files.NEXT_KEY, new_key()
    Files(settings).announce(public_half(key))
    assert b"PUBLIC" in path.read_bytes()
    assert b"PRIVATE" not in path.read_bytes()
    Files(settings).announce(None)
    Files(settings).announce(None)
    assert not path.exists()


@pytest.mark.needs("root")
def test_what_root_installs_belongs_to_the_instances_owner(settings: Settings) -> None:
    """Else the service could not read what a command of root's has obtained."""
    folder = settings.directory / "tls"
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    installed(settings, 1, another(settings, "n1"))
    made = [path for path in folder.rglob("*") if not path.is_symlink()]
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in made}
    assert {"key.pem", "cert.pem", "acme", ".lock", "before-1"} <= owners.keys()
    assert set(owners.values()) == {(NOBODY, NOBODY)}


@pytest.mark.parametrize("name", ["acme/.lock", ".next-key.pub.pem.new"])
def test_a_link_leads_nobody_elsewhere(settings: Settings, tmp_path: Path, name: str) -> None:
    """The service may write in these folders, and root writes there for it."""
    pair, another_ones = another(settings, "n1"), tmp_path / "not-ours"
    another_ones.write_bytes(b"kept")
    (settings.directory / "tls" / "acme").mkdir()
    (settings.directory / "tls" / name).symlink_to(another_ones)
    with contextlib.suppress(OSError):
        installed(settings, 1, pair)
    Files(settings).announce(public_half(pair.key))
    assert another_ones.read_bytes() == b"kept"
