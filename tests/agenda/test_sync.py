"""Sync tokens (RFC 6578): exact, survived by restarts, refused when the history does not reach them."""

import httpx
import pytest

from mailserver.store.engine.transactions import Store
from tests.agenda.conftest import Client, Door, event

AGENDA = "/dav/edupont/agenda"


def test_changes_since_a_token(client: Client) -> None:
    for name in "abc":
        client.put_event(f"{AGENDA}/{name}.ics", event(name))
    token, found = client.sync(f"{AGENDA}/")
    assert found == {f"{AGENDA}/{name}.ics": 200 for name in "abc"}
    assert client.sync(f"{AGENDA}/", token) == (token, {})
    client.put_event(f"{AGENDA}/a.ics", event("a", "Changé"))
    client.dav("DELETE", f"{AGENDA}/b.ics")
    client.put_event(f"{AGENDA}/d.ics", event("d"))
    newer, found = client.sync(f"{AGENDA}/", token)
    assert found == {f"{AGENDA}/a.ics": 200, f"{AGENDA}/b.ics": 404, f"{AGENDA}/d.ics": 200}
    assert newer != token
    assert client.sync(f"{AGENDA}/", newer)[1] == {}


def test_item_that_came_and_went_between(client: Client) -> None:
    """RFC 6578 section 3.5.2: it may be reported as gone; it must not be reported as there."""
    token, _ = client.sync(f"{AGENDA}/")
    client.put_event(f"{AGENDA}/x.ics", event("x"))
    client.dav("DELETE", f"{AGENDA}/x.ics")
    assert client.sync(f"{AGENDA}/", token)[1] in ({}, {f"{AGENDA}/x.ics": 404})


def test_item_that_went_and_came_back(client: Client) -> None:
    client.put_event(f"{AGENDA}/x.ics", event("x"))
    token, _ = client.sync(f"{AGENDA}/")
    client.dav("DELETE", f"{AGENDA}/x.ics")
    client.put_event(f"{AGENDA}/x.ics", event("x", "De retour"))
    assert client.sync(f"{AGENDA}/", token)[1] == {f"{AGENDA}/x.ics": 200}


def test_tokens_stay_the_same_while_nothing_changes(client: Client) -> None:
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    before = client.propfind(f"{AGENDA}/", "D:sync-token", "CS:getctag", "D:getetag")[f"{AGENDA}/"]
    client.put_event(f"{AGENDA}/a.ics", event("a"))  # the same text again
    client.get(f"{AGENDA}/a.ics")
    after = client.propfind(f"{AGENDA}/", "D:sync-token", "CS:getctag", "D:getetag")[f"{AGENDA}/"]
    assert {name: one.text for name, one in before.items()} == {name: one.text for name, one in after.items()}
    assert client.sync(f"{AGENDA}/")[0] == before["D:sync-token"].text


@pytest.mark.parametrize(
    "token",
    [
        "urn:mailserver:sync:1:999999",
        "urn:mailserver:sync:999:1",
        "urn:mailserver:sync:1:0",
        "urn:mailserver:sync:1:-1",
        "urn:mailserver:sync:1:99999999999999999999999",
        "urn:mailserver:sync:１:１",
        "http://radicale.org/ns/sync/0",
        "x" * 10_000,
    ],
)
def test_token_the_history_does_not_reach(client: Client, token: str) -> None:
    """RFC 6578 section 3.2: the precondition valid-sync-token, and the client starts over."""
    response = client.sync_response(f"{AGENDA}/", token)
    if token.endswith(":0"):  # before the first change: everything is since then
        assert response.status_code == 207
        return
    assert response.status_code == 403
    assert "valid-sync-token" in response.text


def test_token_of_another_collection_or_person(client: Client, door: Door) -> None:
    with door.client("mmartin") as other:
        theirs, _ = other.sync("/dav/mmartin/agenda/")
    contacts, _ = client.sync("/dav/edupont/contacts/")
    for token in (theirs, contacts):
        assert client.sync_response(f"{AGENDA}/", token).status_code == 403


def test_nothing_to_sync_on_a_home(client: Client) -> None:
    response: httpx.Response = client.sync_response("/dav/edupont/")
    assert response.status_code == 403
    assert "supported-report" in response.text


def test_account_hears_of_every_change(client: Client, store: Store) -> None:
    """Open browsers and other workers are told: the account's news."""
    heard: list[int] = []
    store.changes.publish_soon = lambda changes: heard.extend(  # type: ignore[method-assign]
        change.account_id for change in changes if change.mailbox_id == 0
    )
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    client.dav("DELETE", f"{AGENDA}/a.ics")
    assert len(heard) >= 2
