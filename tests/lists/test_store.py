"""On both engines: whom selections find, where lists lead, personal lists, the brake in the queue."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from directory.lists import list_expansion, rosters, virtual_lists
from directory.lists.rosters import ListChange, ListSettings, NewList
from directory.people.embedded import EmbeddedDirectory
from mailserver.accounts.provision import provision
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import write_secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Affiliation, ListKind, NewPerson, Population, Role, Tie, Writers
from mailserver.model.rules import Rules
from mailserver.model.selection import parse
from mailserver.store.account import accounts, rules
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.messages import Quota
from mailserver.store.people import schools, vocabulary_entries
from mailserver.store.people.mailing_lists import lists, personal_lists
from mailserver.store.people.schools import Facts
from mailserver.store.people.search import selecting
from mailserver.store.queue import spool
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Hold, Owner
from mailserver.store.queue.spool import Options
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin

DOMAIN = "ac-exemple.fr"
LYCEE, COLLEGE, FAR = "0210006T", "0210010X", "0580001A"
ORIGIN = Origin("test", "test")
LIST_SETTINGS = ListSettings((DOMAIN, "ac-autre.fr"))


def at(login: str) -> str:
    return f"{login}@{DOMAIN}"


@pytest.fixture
async def people(store: Store, tmp_path: Path) -> dict[str, int]:
    """Three schools and who is in them, by login."""
    write_secret(tmp_path / "secrets" / "hmac", b"k" * 32)
    directory = EmbeddedDirectory(
        settings=Settings(domain=DOMAIN, aliases=("ac-autre.fr",), directory=tmp_path), store=store, clock=store.clock
    )
    maths = Affiliation(Tie.DISCIPLINE, "L1300", "", "Mathématiques")
    four_b = Affiliation(Tie.CLASS, "4B", COLLEGE, "4e B")
    wanted = (
        ("ada", Role.TEACHER, LYCEE, "MATHEMATIQUES", (maths, Affiliation(Tie.CLASS, "2NDE1", LYCEE))),
        ("bob", Role.TEACHER, COLLEGE, "Anglais", (four_b, Affiliation(Tie.SCHOOL, LYCEE, LYCEE))),
        ("cyd", Role.TEACHER, FAR, "", (maths, Affiliation(Tie.CLASS, "4B", FAR, "4e B"))),
        ("dan", Role.PUPIL, COLLEGE, "", (four_b, Affiliation(Tie.GROUP, "LATIN", COLLEGE, "Latin 4e"))),
        ("eve", Role.PUPIL, FAR, "", (Affiliation(Tie.CLASS, "4B", FAR, "4e B"),)),
        ("fay", Role.SECRETARIAT, LYCEE, "", ()),
        ("gus", Role.STAFF, COLLEGE, "", (Affiliation(Tie.FUNCTION, "DIR", COLLEGE, "Direction"),)),
        ("hal", Role.STAFF, FAR, "", (Affiliation(Tie.FUNCTION, "DIR", FAR, "Direction"),)),
    )
    await store.write(
        schools.upsert,
        [Facts(LYCEE, "Lycée Carnot", "LYC"), Facts(COLLEGE, "Collège Marcelle Pardé", "CLG"), Facts(FAR, "LP", "LP")],
    )
    found: dict[str, int] = {}
    for login, role, uai, discipline, ties in wanted:
        made = await directory.add(
            NewPerson(login.title(), "Essai", role, uai=uai, discipline=discipline, login=login, affiliations=ties)
        )
        found[login] = made.account_id
        await store.write(vocabulary_entries.ensure_many, vocabulary_entries.terms_of(ties))
    directory.close()
    return found


FOUND = (
    ("role=teacher", "ada bob cyd"),
    ("population=staff", "fay gus hal"),
    (f"role=teacher uai={LYCEE}", "ada bob"),
    (f"uai={COLLEGE}", "bob dan gus"),
    ("role=teacher department=021", "ada bob"),
    ("department=58", "cyd eve hal"),
    ("discipline~math*", "ada cyd"),
    ("discipline~*mati*", "ada cyd"),
    ("discipline=L1300 department=021", "ada"),
    ("discipline=anglais", "bob"),
    ("discipline~100%", ""),
    ("role=secretariat kind=lycee", "fay"),
    ("kind=lycee role=staff", "hal"),
    ("kind=CLG", "bob dan gus"),
    ("function=DIR", "gus hal"),
    ("function=direction department=021", "gus"),
    ("class=4B", "bob cyd dan eve"),
    ('class="4e b" role=pupil', "dan eve"),
    (f"class=4B@{FAR}", "cyd eve"),
    (f"class=4B uai={COLLEGE}", "bob dan"),
    (f"class=4B uai={LYCEE}", ""),
    ("group~latin", "dan"),
    ("class~4*", "bob cyd dan eve"),
    ("not role=pupil not role=teacher", "fay gus hal"),
    (f"(role=pupil or function=DIR) uai={COLLEGE}", "dan gus"),
)
"""Selections, and whom each finds."""


async def test_whom_a_selection_finds(store: Store, people: dict[str, int]) -> None:
    for query, logins in FOUND:
        who = parse(query)
        wanted = {people[login] for login in logins.split()}
        assert {one.account_id for one in await store.read(selecting.found, who, 100)} == wanted, query
        assert await store.read(selecting.count, who) == len(wanted), query
        assert set(await store.read(selecting.receivers, who, Quota(0), 100)) == wanted, query


async def test_who_takes_no_mail_is_left_out(store: Store, people: dict[str, int]) -> None:
    await store.write(accounts.suspend, people["ada"], "x", False)
    await store.write(accounts.suspend, people["bob"], "x", True)
    await store.write(_fill, people["cyd"])
    who = parse("role=teacher")
    assert await store.read(selecting.receivers, who, Quota(1000), 100) == [people["bob"]]
    found = await store.read(selecting.holders, [at("ada"), at("bob"), at("bob"), at("nobody")], Quota(1000))
    assert found == ([people["bob"]], {at("ada"), at("bob")}, [people["ada"]])


def _fill(tx: Tx, account_id: int) -> None:
    provision(tx, account_id)
    box = messages.inboxes(tx, [account_id])[account_id]
    prepared = blobs.prepare(b"Subject: x\r\n\r\nx\r\n", Path())
    content_id, _ = messages.store_content(tx, prepared)
    messages.place(tx, account_id, box, content_id, 5000)


def make(tx: Tx, /, local: str, members: Sequence[str] = (), **more: object) -> None:
    rosters.make(tx, LIST_SETTINGS, NewList(at(local), members=tuple(members), **more), ORIGIN)  # type: ignore[arg-type]


async def test_a_list_walks_to_people_lists_and_others(store: Store, people: dict[str, int]) -> None:
    await store.write(make, "vivante", query="role=pupil")
    await store.write(
        make, "tout", ["ada@ac-autre.fr", at("vivante"), f"4b.{COLLEGE}@{DOMAIN}".lower(), "x@ailleurs.fr", at("abuse")]
    )
    head, standing_one, living = await store.read(list_expansion.walk, LIST_SETTINGS, at("tout"))
    assert head.accounts == (people["ada"],)
    assert set(head.inner) == {at("vivante"), f"4b.{COLLEGE.lower()}@{DOMAIN}"}
    assert set(head.others) == {"x@ailleurs.fr", at("abuse")}
    assert set(living.accounts) == {people["dan"], people["eve"]}
    assert standing_one.accounts == (people["dan"],)
    assert standing_one.policy.writers is Writers.PERSONNEL
    expanded = await store.read(list_expansion.expand, at("tout"), LIST_SETTINGS)
    assert expanded is not None
    assert len(expanded.members) == 5


async def test_standing_lists_by_name(store: Store, people: dict[str, int]) -> None:
    for local, name in (
        (f"4e-b.{COLLEGE.lower()}", "4e B, Collège Marcelle Pardé"),
        (f"latin-4e.{COLLEGE.lower()}", "Latin 4e, Collège Marcelle Pardé"),
        (f"enseignants.4b.{FAR.lower()}", "Enseignants de 4e B, LP"),
    ):
        found = await store.read(virtual_lists.find, local)
        assert found is not None
        assert found[0] == name
    for local in ("eleves", f"5c.{COLLEGE.lower()}", "eleves.0999999z", f"a.b.c.{COLLEGE.lower()}"):
        assert await store.read(virtual_lists.find, local) is None
    off = ListSettings((DOMAIN,), standing=False)
    assert await store.read(list_expansion.walk, off, f"eleves.{COLLEGE}@{DOMAIN}") == []


async def test_what_a_list_may_not_be(store: Store, people: dict[str, int]) -> None:
    for more in (
        {"local": "ada"},
        {"local": "postmaster"},
        {"local": "x-bounces"},
        {"local": "x", "members": [at("nobody")]},
        {"local": "x", "owners": (at("nobody"),)},
        {"local": "x", "query": "role=dragon"},
        {"local": "x", "query": "role=pupil", "members": [at("ada")]},
        {"local": "x", "kind": ListKind.LIVING},
        {"local": "x", "name": "a\x07b"},
    ):
        with pytest.raises(Refused):
            await store.write(make, **more)
    await store.write(make, "x", query="role=pupil")
    with pytest.raises(Refused):
        await store.write(rosters.edit_checked, LIST_SETTINGS, at("x"), [at("ada")], [], ORIGIN)
    await store.write(make, "y", [at("ada")])
    with pytest.raises(Refused) as unknown:
        await store.write(rosters.edit_checked, LIST_SETTINGS, at("y"), [at("nobody")], [], ORIGIN)
    assert unknown.value.reason is Reason.NO_SUCH_RECIPIENT
    assert await store.read(lists.members, at("y")) == (at("ada"),)


async def test_changes_are_kept_and_audited(store: Store, people: dict[str, int]) -> None:
    await store.write(make, "x", [at("ada")])
    change = ListChange(
        "Nom", None, Writers.MEMBERS, True, True, (at("bob"), at("ada")), ("f@ailleurs.fr",), LYCEE.lower()
    )
    await store.write(rosters.change, LIST_SETTINGS, at("x"), change, ORIGIN)
    entry = await store.read(lists.get, at("x"))
    assert entry is not None
    assert (entry.name, entry.writers, entry.moderated, entry.hidden_members) == ("Nom", Writers.MEMBERS, True, True)
    assert await store.read(lists.owners, entry) == (at("bob"), at("ada"))
    assert await store.read(lists.named_writers, at("x")) == ("f@ailleurs.fr",)
    assert [one.address for one in await store.read(lists.owned_by, [at("ada")])] == [at("x")]
    assert await store.read(lists.owned_by, [at("cyd")]) == []
    await store.write(rosters.delete, at("x"), ORIGIN)
    with pytest.raises(Refused):
        await store.write(make, "ada")
    rows = [row for row in await store.read(audit.history, 0) if row.action is Action.LIST_CHANGED]
    assert [str(row.detail) for row in reversed(rows)] == [
        f"{at('x')}: made",
        f"{at('x')}: members added: {at('ada')}",
        f"{at('x')}: owners added: {at('bob')}, {at('ada')}",
        f"{at('x')}: named writers added: f@ailleurs.fr",
        f"{at('x')}: hidden_members, moderated, name, uai, writers, owners, named writers",
        f"{at('x')}: deleted",
    ]


async def test_personal_lists_are_scoped_by_account(store: Store, people: dict[str, int]) -> None:
    mine, other = people["ada"], people["bob"]
    number = await store.write(personal_lists.create, mine, "Chorale du lycée", [at("bob"), "x@ailleurs.fr"])
    assert (await store.read(personal_lists.get, mine, number)).key == "chorale-du-lycee"
    assert await store.read(personal_lists.members_of, mine, "chorale-du-lycee") == (at("bob"), "x@ailleurs.fr")
    assert await store.read(personal_lists.members_of, other, "chorale-du-lycee") is None
    assert await store.read(personal_lists.members, other, number) == ()
    assert await store.read(personal_lists.named, other, "chorale du lycee") is None
    for attempt in (personal_lists.get, personal_lists.remove):
        with pytest.raises(Refused) as refused:
            await store.write(attempt, other, number)
        assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await store.write(personal_lists.change, other, number, "x", [])
    assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused):
        await store.write(personal_lists.create, mine, "CHORALE, du Lycée!", [])
    await store.write(personal_lists.create, other, "Chorale du lycée", [])
    await store.write(personal_lists.remove, mine, number)
    assert await store.read(personal_lists.listing, mine) == []


async def test_bounds_of_personal_lists(store: Store, people: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    mine = people["ada"]
    many = [f"a{n}@b.fr" for n in range(personal_lists.MAX_MEMBERS + 1)]
    with pytest.raises(Refused):
        await store.write(personal_lists.create, mine, "x", many)
    with pytest.raises(Refused):
        await store.write(personal_lists.create, mine, "!!!", [])
    monkeypatch.setattr(personal_lists, "MAX_LISTS", 2)
    for name in ("a", "b"):
        await store.write(personal_lists.create, mine, name, [])
    with pytest.raises(Refused):
        await store.write(personal_lists.create, mine, "c", [])


async def test_rules_are_kept_told_and_audited(store: Store) -> None:
    assert await store.read(rules.load) == Rules()
    await store.write(rules.set_table, ORIGIN, "pupils-inside", {(Population.PUPIL, Population.OUTSIDE)})
    await store.write(rules.forbid, ORIGIN, Population.PUPIL, Population.STAFF, denied=True)
    await store.write(rules.forbid, ORIGIN, Population.PUPIL, Population.STAFF, denied=True)
    await store.write(rules.forbid, ORIGIN, Population.PUPIL, Population.OUTSIDE, denied=False)
    assert (await store.read(rules.load)).denied == {(Population.PUPIL, Population.STAFF)}
    now = int(store.clock.now())
    await store.write(rules.brake, ORIGIN, Population.PUPIL, now + 100, "hameçonnage")
    await store.write(rules.brake, ORIGIN, Population.TEACHER, now - 1, "fini")
    (brake,) = await store.read(rules.brakes)
    assert (brake.population, brake.until, brake.reason) == (Population.PUPIL, now + 100, "hameçonnage")
    assert await store.write(rules.release, ORIGIN, Population.PUPIL) is True
    assert await store.write(rules.release, ORIGIN, Population.PUPIL) is False
    actions = [row.action for row in reversed(await store.read(audit.history, 0))]
    assert actions == [Action.RULE_CHANGED] * 4 + [Action.BRAKED] * 2 + [Action.RELEASED]


async def test_the_brake_holds_the_queue_and_lets_it_go(store: Store, tmp_path: Path) -> None:
    def enqueue(tx: Tx, population: str) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(population.encode() + b"\r\n\r\nx\r\n", tmp_path))
        return spool.enqueue(
            tx, content_id, "a@b.fr", ["x@y.fr"], lifetime=1000, options=Options(population=population)
        )

    for population in ("pupil", "teacher", ""):
        await store.write(enqueue, population)
    before = {entry.id: entry for entry in await store.read(spool.show)}
    await store.write(rules.brake, ORIGIN, Population.PUPIL, 0, "")
    leased = await store.write(spool.lease, 10)
    assert len(leased) == 2
    (held_back,) = [entry for entry in await store.read(spool.show) if entry.error == spool.BRAKED]
    assert held_back.due >= before[held_back.id].due + spool.HOLD - 1
    assert held_back.attempts == 0
    await store.write(spool.retry, None)
    assert await store.write(spool.lease, 10) == [], "an operator's retry does not go round the brake"
    await store.write(rules.release, ORIGIN, Population.PUPIL)
    assert await store.write(spool.release, Population.PUPIL) == 1
    (row,) = [one for one in await store.write(spool.lease, 10) if one.id == held_back.id]
    assert row.expires >= row.created + 1000 + spool.HOLD, "what waited lives as much longer"


async def test_a_held_message_is_decided_once(store: Store, people: dict[str, int], tmp_path: Path) -> None:
    await store.write(make, "debat", [at("ada")], moderated=True)
    tokens = iter([b"1" * 32, b"2" * 32])

    def hold(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(b"Subject: s\r\n\r\nx\r\n", tmp_path))
        wanted = Hold(at("debat"), "x@y.fr", 0, Population.OUTSIDE, tx.now + 10, ((next(tokens), Owner(7)),))
        return moderation_queue.hold(tx, content_id, wanted)

    assert await store.write(hold) == 0
    assert await store.write(hold) == 1
    first, _ = await store.read(moderation_queue.waiting)
    assert await store.read(moderation_queue.waiting, ["other@x"]) == []
    found = await store.read(moderation_queue.by_token, b"1" * 32)
    assert found == (first, Owner(7))
    await store.write(moderation_queue.take, first.id)
    assert await store.read(moderation_queue.by_token, b"1" * 32) is None
    with pytest.raises(Refused):
        await store.write(moderation_queue.take, first.id)
    assert await store.read(moderation_queue.expired) == []
    await store.write(rosters.delete, at("debat"))
    assert await store.read(moderation_queue.waiting) == []
    assert await store.read(moderation_queue.by_token, b"2" * 32) is None


@pytest.mark.parametrize(("bound", "most"), [("MAX_WAITING", 1), ("MAX_OCTETS", 10)])
async def test_a_list_holds_only_so_many(
    store: Store, people: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    """Nor, of anybody's, gigabytes."""
    monkeypatch.setattr(moderation_queue, bound, most)
    await store.write(make, "debat", [at("ada")], moderated=True)

    def hold(tx: Tx) -> int:
        content_id, _ = messages.store_content(tx, blobs.prepare(b"Subject: s\r\n\r\nx\r\n", tmp_path))
        return moderation_queue.hold(tx, content_id, Hold(at("debat"), "", 0, Population.OUTSIDE, 1))

    await store.write(hold)
    with pytest.raises(Refused):
        await store.write(hold)
