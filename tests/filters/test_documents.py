"""The rules of an account: kept beside what somebody writes by hand, and never lost to somebody who was faster."""

from dataclasses import replace
from pathlib import Path

import pytest

from mailserver.filters import Documents, Scripts
from mailserver.filters.documents import NAME
from mailserver.filters.rules import Actions, Blocked, Condition, Document, Field, Match, Rule, written
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.store.account.filters import OverBound
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)

ORIGIN = Origin("edupont", "web")
BY_HAND = b"# " + "à moi".encode() + b"\r\nkeep;\r\n"


def rule(word: str) -> Rule:
    return Rule((Condition(Field.SUBJECT, Match.CONTAINS, (word,)),), Actions(star=True))


def with_rule(word: str, document: Document) -> Document:
    return replace(document, rules=(*document.rules, rule(word)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(domain="ac-exemple.fr", directory=tmp_path)


@pytest.fixture
def documents(settings: Settings, store: Store) -> Documents:
    return Documents(settings=settings, store=store)


@pytest.fixture
def scripts(settings: Settings, store: Store) -> Scripts:
    return Scripts(settings=settings, store=store)


async def refused(reason: Reason, work: object) -> None:
    with pytest.raises(Refused) as refusal:
        await work  # type: ignore[misc]
    assert refusal.value.reason is reason


async def test_said_changed_and_taken_back(documents: Documents, store: Store, edupont: int, mmartin: int) -> None:
    nothing = await documents.read(edupont)
    assert (nothing.document, nothing.version, nothing.running) == (Document(), "", False)
    first = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    assert first.running
    second = await documents.change(edupont, first.version, lambda kept: with_rule("b", kept), ORIGIN)
    assert second.document.rules == (rule("a"), rule("b"))
    await refused(Reason.CONFLICT, documents.change(edupont, first.version, lambda _: Document(), ORIGIN))
    await refused(Reason.CONFLICT, documents.undo(edupont, first.version, ORIGIN))
    assert (await documents.undo(edupont, second.version, ORIGIN)).document == first.document
    assert await documents.read(mmartin) == nothing
    told = [event.detail.name for event in await store.read(audit.history, edupont)]
    assert sorted(told) == ["filter-changed", "filter-changed", "filter-changed", "filter-on"]


async def test_nothing_to_go_back_to(documents: Documents, edupont: int) -> None:
    await refused(Reason.NOT_FOUND, documents.undo(edupont, "", ORIGIN))
    first = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    await refused(Reason.NOT_FOUND, documents.undo(edupont, first.version, ORIGIN))


async def test_what_is_off_stays_off(documents: Documents, edupont: int) -> None:
    """Rules that somebody stopped, perhaps an administrator, do not start because one more is written."""
    first = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    assert not (await documents.stop(edupont, ORIGIN)).running
    second = await documents.change(edupont, first.version, lambda kept: with_rule("b", kept), ORIGIN)
    assert not second.running
    assert (await documents.start(edupont, ORIGIN)).running


async def test_a_script_by_hand_stays_the_active_one(documents: Documents, scripts: Scripts, edupont: int) -> None:
    await scripts.put(edupont, "principal", BY_HAND, ORIGIN, activate=True)
    kept = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    assert (kept.running, kept.by_hand) == (False, "principal")
    assert not (await documents.stop(edupont, ORIGIN)).running
    active = await scripts.active(edupont)
    assert active is not None
    assert active[1] == BY_HAND, "only ours is stopped"
    beside = await documents.start(edupont, ORIGIN, beside="principal")
    assert (beside.running, beside.by_hand, beside.document.beside) == (True, "", "principal")
    assert await scripts.octets(edupont, "principal") == BY_HAND
    await refused(Reason.NOT_FOUND, documents.start(edupont, ORIGIN, beside="autre"))


@pytest.mark.parametrize("active", [True, False])
async def test_a_script_that_is_not_ours_keeps_its_text(
    documents: Documents, scripts: Scripts, edupont: int, active: bool
) -> None:
    """One of our name, or ours that was edited elsewhere, only gives its name away."""
    edited = written(Document(rules=(rule("a"),))).replace(b'addflag "', b'addflag  "')
    await scripts.put(edupont, NAME, edited, ORIGIN, activate=active)
    await scripts.put(edupont, "regles-1", b"keep;", ORIGIN)
    before = await documents.read(edupont)
    assert (before.document, before.version, before.by_hand) == (Document(), "", NAME if active else "")
    kept = await documents.change(edupont, "", lambda kept: with_rule("b", kept), ORIGIN)
    assert await scripts.octets(edupont, "regles-2") == edited
    assert (kept.running, kept.by_hand) == ((False, "regles-2") if active else (True, ""))


async def test_ours_that_is_edited_while_somebody_looks(documents: Documents, scripts: Scripts, edupont: int) -> None:
    first = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    await scripts.put(edupont, NAME, BY_HAND, ORIGIN)
    await refused(Reason.CONFLICT, documents.change(edupont, first.version, lambda _: Document(), ORIGIN))
    assert await scripts.octets(edupont, NAME) == BY_HAND


async def test_a_script_that_ours_asks_for_may_be_gone(documents: Documents, scripts: Scripts, edupont: int) -> None:
    await scripts.put(edupont, "principal", BY_HAND, ORIGIN)
    await documents.start(edupont, ORIGIN, beside="principal")
    await scripts.remove(edupont, "principal", ORIGIN)
    assert (await documents.read(edupont)).document.beside == "principal"


async def test_too_much_changes_nothing(settings: Settings, store: Store, edupont: int) -> None:
    narrow = settings.model_copy(update={"filters": settings.filters.model_copy(update={"script_size": 4096})})
    documents = Documents(settings=narrow, store=store)
    first = await documents.change(edupont, "", lambda kept: with_rule("a", kept), ORIGIN)
    many = Blocked(tuple(f"@a{number}.example.org" for number in range(300)))
    with pytest.raises(OverBound):
        await documents.change(edupont, first.version, lambda kept: replace(kept, blocked=many), ORIGIN)
    assert await documents.read(edupont) == first
