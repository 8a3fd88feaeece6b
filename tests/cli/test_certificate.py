"""`mailserver certificate`: what it says and refuses where no authority is asked."""

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from mailserver.__main__ import app
from tests.certificate_files import write_pair
from tests.harness import Instance


@pytest.fixture(scope="module")
def instance(made: dict[tuple[str, ...], Instance], tmp_path_factory: pytest.TempPathFactory) -> Instance:
    one = Instance(tmp_path_factory.mktemp("certificate") / "var")
    one.copy_of(made[()])
    return one


def test_show_tells_every_certificate(instance: Instance) -> None:
    folder = instance.directory / "tls" / "sni"
    write_pair(folder / "a.fr", "a.fr", "b.fr")
    write_pair(folder / "c.fr", "c.fr")
    (folder / "c.fr" / "key.pem").unlink()
    said = json.loads(instance.command("certificate", "show", "DIR", "--json").stdout)
    own, further, broken = said["certificates"]
    assert own["own_authority"] is True
    assert "autodiscover.ac-exemple.fr" in own["names"]
    assert (further["host"], further["names"], further["own_authority"]) == ("a.fr", ["a.fr", "b.fr"], False)
    assert broken["host"] == "c.fr"
    assert "key.pem" in broken["error"]
    assert said["acme"] == {"agreed": False, "directory": "https://acme-v02.api.letsencrypt.org/directory"}
    text = instance.command("certificate", "show", "DIR").stdout
    assert "a.fr: a.fr, b.fr" in text
    assert "ACME is not used" in text


ASKING = [("request",), ("request", "--dry-run"), ("renew",), ("renew", "--force"), ("renew", "--new-key")]


@pytest.mark.parametrize("words", ASKING, ids=" ".join)
def test_whose_terms_nobody_agreed_to_is_not_asked(instance: Instance, words: tuple[str, ...]) -> None:
    """Nothing is made, and no failure is counted, where certificates come from elsewhere."""
    verb, *options = words
    done = instance.command("certificate", verb, "DIR", *options, check=False)
    assert done.returncode == 2
    assert "agree_to_terms" in done.stderr
    assert not (instance.directory / "secrets" / "acme-account.pem").exists()


@pytest.mark.parametrize("verb", ["request", "renew"])
def test_nobody_would_answer_the_authority(fresh: Callable[..., Instance], verb: str) -> None:
    instance = fresh()
    instance.configure("[acme]\nagree_to_terms = true\n")
    done = instance.command("certificate", verb, "DIR", check=False)
    assert done.returncode == 1
    assert "does not run: nobody would answer" in done.stderr
    assert not (instance.directory / "secrets" / "acme-account.pem").exists()


def test_help_shows_what_stands_in_brackets() -> None:
    """A word in brackets would be taken for markup."""
    for verb, named in (("request", "acme.names"), ("renew", "acme.staging")):
        assert named in CliRunner().invoke(app, ["certificate", verb, "--help"], env={"COLUMNS": "200"}).output
