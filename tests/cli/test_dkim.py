"""`mailserver dkim`: keys are made, shown with what to publish, replaced, retired; the zone and `check` follow."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mailserver.__main__ import app
from mailserver.cli.shared import settings_of, with_store
from mailserver.store.engine.transactions import Tx
from mailserver.store.queue.outbound import dkim_keys
from tests.harness import Instance


@pytest.fixture
def academy(fresh: Callable[..., Instance]) -> Instance:
    return fresh()


def run(academy: Instance, verb: str, *args: str) -> Result:
    return CliRunner().invoke(app, ["dkim", verb, str(academy.directory), *args])


def keys(academy: Instance) -> dict[str, dict[str, Any]]:
    return {one["selector"]: one for one in json.loads(run(academy, "list", "--json").stdout)}


def zone(academy: Instance) -> dict[str, str]:
    """The records of keys that `mailserver dns` prints."""
    told = CliRunner().invoke(app, ["dns", str(academy.directory), "--format", "json"])
    return {one["name"]: one["data"] for one in json.loads(told.stdout) if "._domainkey." in one["name"]}


def test_the_keys_of_an_instance_over_a_year(academy: Instance) -> None:
    before = zone(academy)
    assert list(before) == ["s1._domainkey.ac-exemple.fr"]
    assert {name: one["state"] for name, one in keys(academy).items()} == {"s1": "active"}
    assert zone(academy) == before, "the key that init made is the first one"
    (made,) = json.loads(run(academy, "new", "--json").stdout)
    assert (made["algorithm"], made["state"]) == ("ed25519-sha256", "new")
    name = f"{made['selector']}._domainkey.ac-exemple.fr"
    assert made["records"] == [f'{name}. IN TXT "{zone(academy)[name]}"']
    again = run(academy, "new")
    assert again.exit_code == 1
    assert made["selector"] in again.output
    assert run(academy, "new", "--algorithm", "rsa").exit_code == 1, "it has one that signs"
    rotated = run(academy, "rotate", "--at-once")
    assert rotated.exit_code == 0
    assert "v=DKIM1; k=rsa; p=" in rotated.output
    assert len(keys(academy)) == len(zone(academy)) == 3
    assert keys(academy)["s1"]["state"] == "active", "until the new one is published and signs"


def test_what_is_retired(academy: Instance) -> None:
    assert run(academy, "retire", "unknown").exit_code == 1
    alone = run(academy, "retire", "s1")
    assert alone.exit_code == 1, "mail would wait"
    assert keys(academy)["s1"]["state"] == "active"
    retired = json.loads(run(academy, "retire", "s1", "--revoke", "--force", "--json").stdout)
    assert (retired["state"], bool(retired["published_until"])) == ("revoked", True)
    assert zone(academy) == {"s1._domainkey.ac-exemple.fr": "v=DKIM1; p="}
    assert run(academy, "retire", "s1").exit_code == 1
    assert run(academy, "rotate").exit_code == 1, "none signs"
    checked = CliRunner().invoke(app, ["check", str(academy.directory), "--no-dns", "--json"])
    grades = {one["grade"] for one in json.loads(checked.stdout) if one["subject"] == "dkim"}
    assert grades == {"problem"}
    made = json.loads(run(academy, "new", "--json").stdout)
    assert [one["algorithm"] for one in made] == ["rsa-sha256", "ed25519-sha256"]
    assert run(academy, "list").output.count("v=DKIM1;") == 3
    assert run(academy, "retire", made[0]["selector"]).exit_code == 0
    assert len(zone(academy)) == 2, "what never signed is published no more"


def test_the_last_key_that_most_servers_verify_is_not_retired_by_the_way(academy: Instance) -> None:
    (made,) = json.loads(run(academy, "new", "--json").stdout)

    def sign(tx: Tx) -> bool:
        return dkim_keys.mark_seen(tx, made["selector"]) and dkim_keys.activate(tx, made["selector"])

    assert with_store(settings_of(academy.directory), lambda store: store.write(sign))
    refused = run(academy, "retire", "s1")
    assert refused.exit_code == 1
    assert "Ed25519" in refused.output
    assert keys(academy)["s1"]["state"] == "active"
    assert run(academy, "retire", made["selector"]).exit_code == 0, "the other one may go"
