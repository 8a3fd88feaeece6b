"""A hijacked account: one button ends what its thief could go on with; what left is shown and taken back."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from directory.people.lifecycle import Accounts
from mailserver.delivery.forwarding import Forwards
from mailserver.filters import Scripts, documents, sieve
from mailserver.filters.documents import Documents
from mailserver.filters.rules import Blocked, Document
from mailserver.filters.rules.forward import Forward
from mailserver.mime.writing.fields import Correspondent
from mailserver.model import identity
from mailserver.model.clock import DAY, HOUR
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.outbound.submission.confirmation import let_wait
from mailserver.store.account import (
    accounts,
    bulletins,
    confirmed_answers,
    devices,
    factors,
    filters,
    forward_targets,
    forwards,
    recoveries,
    secured,
)
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.account.confirmed_answers import Said
from mailserver.store.account.devices import Scope
from mailserver.store.agenda import agenda_grants, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Viewer, reaching
from mailserver.store.mail.access.rights import parse
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import outbox, spool, traces
from mailserver.store.queue.spool import HELD, Leased
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import one_time_password
from mailserver.store.schema.agendas import collection, collection_grant
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import mailbox_right
from mailserver.store.schema.service.audits import audit as audited
from mailserver.store.upkeep import securing
from mailserver.texts.causes import Cause
from tests.webui.boxes import FULL, Box
from tests.webui.house import DOMAIN, House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened
from tests.webui.test_compose import send
from tests.webui.test_withdrawals import worked

ORIGIN = Origin("piratee", "test")


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


@pytest.fixture
def thief(house: House) -> tuple[Principal, Visitor]:
    """Somebody's account with what a thief makes there, and the thief's browser."""
    victim = house.person("Pia", "Ratee")
    visitor = house.visitor()
    visitor.log_in(victim.login)
    visitor.get("/s/ecrire")
    send(visitor, a="edupont, x@ailleurs.fr,", objet="Gagnez", texte="Cliquez")
    house.store.write_now(recoveries.set_address, victim.account_id, "voleur@ailleurs.fr")
    house.store.write_now(devices.add, victim.account_id, mark(victim, "h"), "Programme", [Scope.MAIL])
    scripts = Scripts(settings=house.settings, store=house.store)
    put = scripts.put(victim.account_id, "vol", b"discard;", ORIGIN, activate=True)
    house.run(put)
    house.store.write_now(forwards.ask, victim.account_id, "voleur@ailleurs.fr", mark(victim, "t"), 2**40)
    house.store.write_now(forwards.agree, mark(victim, "t"))
    return victim, visitor


def mark(victim: Principal, what: str) -> bytes:
    """What stands for a hash of this account."""
    return f"{what}{victim.account_id}".ljust(32).encode()


def inbox(house: House, person: Principal) -> int:
    return house.store.read_now(mailboxes.get, person.account_id, "INBOX").messages


def queue(house: House, victim: Principal) -> list[bool]:
    """Whether each of the account's rows is held."""
    return [one.error == HELD for one in house.store.read_now(spool.show) if one.sender == victim.address]


def test_everything_ends_and_comes_back(
    house: House, console: Visitor, phone: Phone, emma: Principal, thief: tuple[Principal, Visitor]
) -> None:
    victim, visitor = thief
    path = f"/admin/comptes/{victim.account_id}/piratage"
    assert path in opened(console, house, phone, f"/admin/comptes/{victim.account_id}")
    text = console.get(path).text
    assert "Gagnez" in text
    assert "x@ailleurs.fr" in text
    assert console.post(path, {"faire": "securiser"}).status_code == 422
    assert queue(house, victim) == [False]
    text = console.post(path, {"faire": "securiser", "verifie": "oui"}).text
    assert "d’application révoqués\u202f: 1\u202f; envois retenus\u202f: 1." in text
    assert "vol" in text
    assert "voleur@ailleurs.fr" in text
    assert 'class="secret"' in text
    assert visitor.get("/s/").url.path == "/", "the thief is out"
    standing = house.store.read_now(accounts.get, victim.account_id)
    assert standing is not None
    assert not standing.password_set
    assert queue(house, victim) == [True]
    assert house.store.read_now(devices.listing, victim.account_id) == []
    assert house.store.read_now(filters.active_script, victim.account_id) is None
    assert house.store.read_now(forwards.of_account, victim.account_id) == (None, None)
    assert house.store.read_now(recoveries.address, victim.account_id) == "", "no code goes to the thief"
    assert 'class="secret"' not in console.get(path).text, "shown once"

    before = inbox(house, emma)
    console.post(path, {"faire": "retirer"})
    assert "1 retrait commencé" in console.text
    worked(house)
    assert inbox(house, emma) == before - 1

    console.post(path, {"faire": "annuler"})
    assert "annulée" in console.text
    assert queue(house, victim) == [False]
    assert [one.name for one in house.store.read_now(devices.listing, victim.account_id)] == ["Programme"]
    assert house.store.read_now(devices.by_hash, victim.account_id, mark(victim, "h")) is not None
    active = house.store.read_now(filters.active_script, victim.account_id)
    assert active is not None
    assert active[0].name == "vol"
    agreed, _ = house.store.read_now(forwards.of_account, victim.account_id)
    assert agreed is not None
    assert agreed.address == "voleur@ailleurs.fr"
    assert house.store.read_now(recoveries.address, victim.account_id) == "voleur@ailleurs.fr"
    assert console.post(path, {"faire": "annuler"}).status_code == 422
    rows = house.store.read_now(audit.find, audit.Wanted(action=Action.SECURED), 9)
    assert [row.detail.name for row in rows] == ["secured-undone", "secured"]


def secure(tx: Tx, victim: Principal) -> None:
    securing.secure(tx, ORIGIN, victim.account_id, documents.sent_on_to)


def undo(tx: Tx, victim: Principal) -> None:
    securing.undo(tx, ORIGIN, victim.account_id, documents.sent_on_to)


def shares(house: House, victim: Principal) -> set[tuple[str, str, str]]:
    """Whoever reaches something of the account, with what rights."""
    mine = mailbox.c.account_id == victim.account_id
    theirs = collection.c.account_id == victim.account_id

    def rows(tx: Tx) -> set[tuple[str, str, str]]:
        rights = select(mailbox.c.name, mailbox_right.c.identifier, mailbox_right.c.rights)
        grants = select(collection.c.name, account.c.login, collection_grant.c.role)
        found: list[Any] = list(
            tx.execute(rights.join(mailbox, mailbox.c.id == mailbox_right.c.mailbox_id).where(mine))
        )
        joined = grants.join(collection, collection.c.id == collection_grant.c.collection_id)
        found += tx.execute(joined.join(account, account.c.id == collection_grant.c.account_id).where(theirs))
        return {(str(one[0]), str(one[1]), str(one[2])) for one in found}

    return house.store.read_now(rows)


def test_what_a_thief_shared_ends_and_comes_back(house: House, console: Visitor, phone: Phone, emma: Principal) -> None:
    """What was shared before stays, but what was made more of it."""
    victim, luc = house.person("Sam", "Partage"), house.person("Luc", "Confrere")
    viewer, path = Viewer.of(victim.account_id, victim.login), f"/admin/comptes/{victim.account_id}/piratage"
    held = {one.name: one.id for one in house.store.read_now(agendas.listing, victim.account_id)}

    def give(box: str, who: str, rights: str) -> None:
        change = partial(access.change, negative=False)
        house.store.write_now(change, viewer, box, who, "=", parse(rights), ORIGIN)

    def grant(name: str, who: Principal, role: Role) -> None:
        house.store.write_now(agenda_grants.grant, victim.account_id, held[name], who.account_id, role, ORIGIN)

    give("Sent", luc.login, "lr")
    give("Drafts", luc.login, "lr")
    grant("agenda", luc, Role.READ)
    grant("taches", luc, Role.READ)

    def was_long_ago(tx: Tx) -> None:
        """The console's session would not outlive a clock that leaps."""
        mine = select(mailbox.c.id).where(mailbox.c.account_id == victim.account_id)
        tx.execute(update(mailbox_right).where(mailbox_right.c.mailbox_id.in_(mine)).values(since=tx.now - 3 * DAY))
        theirs = collection_grant.c.collection_id.in_(held.values())
        tx.execute(update(collection_grant).where(theirs).values(granted=tx.now - 3 * DAY))
        rows = audited.c.account_id == victim.account_id
        tx.execute(update(audited).where(rows).values(at=tx.now - 3 * DAY))

    house.store.write_now(was_long_ago)
    before = shares(house, victim)
    give("INBOX", emma.login, "lr")
    give("Drafts", luc.login, "lrswite")
    grant("agenda", luc, Role.WRITE)
    grant("contacts", emma, Role.READ)
    stolen = shares(house, victim)
    text = opened(console, house, phone, path)
    assert "Partagé depuis 48 heures" in text
    assert "Contacts" in text
    text = console.post(path, {"faire": "securiser", "verifie": "oui"}).text
    assert "Ces partages ont pris fin." in text
    assert shares(house, victim) == {one for one in before if one[0] in ("Sent", "taches")}
    assert "Ces partages" not in console.get(path).text

    # Given again meanwhile, otherwise: that stays.
    give("INBOX", emma.login, "lrs")
    console.post(path, {"faire": "annuler"})
    again = {one for one in stolen if one[0] != "INBOX"} | {("INBOX", emma.login, "lrs")}
    assert shares(house, victim) == again


def test_what_was_widened_ends_under_another_name(
    house: House, console: Visitor, phone: Phone, emma: Principal
) -> None:
    """A folder, and an agenda, that were renamed since."""
    victim = house.person("Ada", "Renommee")
    viewer, path = Viewer.of(victim.account_id, victim.login), f"/admin/comptes/{victim.account_id}/piratage"
    write, held = house.store.write_now, house.store.read_now(agendas.listing, victim.account_id)
    agenda = next(one.id for one in held if one.name == "agenda")
    write(mailboxes.create, victim.account_id, "Projets")

    def give(rights: str, role: Role) -> None:
        write(partial(access.change, negative=False), viewer, "Projets", emma.login, "=", parse(rights), ORIGIN)
        write(agenda_grants.grant, victim.account_id, agenda, emma.account_id, role, ORIGIN)

    def was_long_ago(tx: Tx) -> None:
        mine = select(mailbox.c.id).where(mailbox.c.account_id == victim.account_id)
        tx.execute(update(mailbox_right).where(mailbox_right.c.mailbox_id.in_(mine)).values(since=tx.now - 3 * DAY))
        theirs = collection_grant.c.collection_id == agenda
        tx.execute(update(collection_grant).where(theirs).values(granted=tx.now - 3 * DAY))
        tx.execute(update(audited).where(audited.c.account_id == victim.account_id).values(at=tx.now - 3 * DAY))

    give("lr", Role.READ)
    write(was_long_ago)
    give("lrswite", Role.WRITE)
    write(mailboxes.rename, victim.account_id, "Projets", "Vacances")
    write(lambda tx: tx.execute(update(collection).where(collection.c.id == agenda).values(name="autre")))
    stolen = shares(house, victim)
    assert {one[0] for one in stolen} == {"Vacances", "autre"}
    assert "Vacances" in opened(console, house, phone, path)
    console.post(path, {"faire": "securiser", "verifie": "oui"})
    assert shares(house, victim) == set()
    console.post(path, {"faire": "annuler"})
    assert shares(house, victim) == stolen


def test_whom_a_thief_put_into_a_functional_box(house: House, console: Visitor, phone: Phone, emma: Principal) -> None:
    """Whoever manages it lets others in, by each door; those who held it before stay."""
    victim, luc, eve = house.person("Ugo", "Gerant"), house.person("Luc", "Ancien"), house.person("Eve", "Membre")
    path, thief = f"/admin/comptes/{victim.account_id}/piratage", Origin(victim.login, "web")
    box = Box(house, {victim.login: FULL | {"manage"}, luc.login: {"read"}})
    where = rosters.ListSettings.of(house.settings)

    def holders() -> dict[str, str]:
        return dict(house.store.read_now(lists.holders, box.address))

    before = holders()
    house.store.write_now(rosters.hold, where, box.address, {emma.address: {"read", "send"}}, [], thief)
    house.store.write_now(rosters.edit_checked, where, box.address, [eve.address], [], thief)
    stolen = holders()
    assert len(stolen) == len(before) + 2
    # Who manages a box gives rights in its folders as well.
    of_box, viewer = replace(victim, account_id=box.account), Viewer.of(victim.account_id, victim.login)
    inbox = mailboxes.SEPARATOR.join((reaching.FUNCTIONS, box.label, "INBOX"))
    change = partial(access.change, negative=False)
    house.store.write_now(change, viewer, inbox, luc.login, "=", parse("lrswite"), thief)
    given = shares(house, of_box)
    assert ("INBOX", luc.login, "eilrstw") in given
    text = opened(console, house, phone, path)
    assert (box.address in text, emma.address in text, eve.address in text) == (True, True, True)
    assert f"{box.address}/INBOX" in text
    text = console.post(path, {"faire": "securiser", "verifie": "oui"}).text
    assert "Ces partages ont pris fin." in text
    assert (holders(), shares(house, of_box)) == (before, set())
    console.post(path, {"faire": "annuler"})
    assert (holders(), shares(house, of_box)) == (stolen, given)


def test_what_others_did_with_a_box_and_what_they_held_before_stays(house: House) -> None:
    """The console saves all holders of a box: who could do as much before is nobody's gift; who was let do more may do
    again what they might."""
    admin, luc, eve = house.person("Ana", "Console"), house.person("Luc", "Ancien"), house.person("Eve", "Lectrice")
    lea = house.person("Lea", "Partie")
    box = Box(house, {luc.login: FULL, eve.login: {"read"}, lea.login: {"read"}})
    where = rosters.ListSettings.of(house.settings)
    at_luc, at_eve, at_lea, at_ana = (f"{one.login}@{DOMAIN}" for one in (luc, eve, lea, admin))
    wanted = {at_luc: FULL, at_eve: {"read", "send", "manage"}, at_ana: FULL}
    by = Origin(admin.login, "console")
    house.store.write_now(rosters.hold, where, box.address, wanted, [at_lea], by)
    stolen = dict(house.store.read_now(lists.holders, box.address))
    house.store.write_now(secure, admin)
    left = dict(house.store.read_now(lists.holders, box.address))
    assert left == {at_luc: "read write send", at_eve: "read"}, "and nobody is let in again"
    house.store.write_now(undo, admin)
    assert dict(house.store.read_now(lists.holders, box.address)) == stolen


def test_whom_a_thief_put_into_a_list(house: House, console: Visitor, phone: Phone) -> None:
    """Owners decide who gets its mail and reads what is held; whoever was there before stays."""
    victim, old, accomplice = (house.person(name, "Deliste") for name in ("Zoe", "Noe", "Cleo"))
    where, by = rosters.ListSettings.of(house.settings), Origin(victim.login, "web")
    address, fresh = f"equipe@{DOMAIN}", f"nouvelle@{DOMAIN}"
    made = NewList(address, owners=(victim.address,), members=(old.address,))
    house.store.write_now(rosters.make, where, made, Origin("rleroy", "console"))
    owners = ListChange(owners=(victim.address, accomplice.address), named=("x@ailleurs.fr",))
    house.store.write_now(rosters.change, where, address, owners, by)
    house.store.write_now(rosters.edit_checked, where, address, ["voleur@ailleurs.fr"], [], by)
    house.store.write_now(rosters.make, where, NewList(fresh, members=(old.address,)), by)
    before = people_of(house, address)
    path = f"/admin/comptes/{victim.account_id}/piratage"
    text = opened(console, house, phone, path).partition("Changé pour d’autres")[0]
    assert ("voleur@ailleurs.fr" in text, accomplice.address in text, fresh in text) == (True, True, False)
    house.store.write_now(secure, victim)
    assert people_of(house, address) == ({old.address}, {victim.address}, set())
    assert people_of(house, fresh)[0] == {old.address}, "a list of one's own is no gift"
    house.store.write_now(undo, victim)
    assert people_of(house, address) == before


def people_of(house: House, address: str) -> tuple[set[str], set[str], set[str]]:
    """Members, owners and named writers of a list."""
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    found = (lists.members, lists.named_writers)
    members, writers = (set(house.store.read_now(one, address)) for one in found)
    return members, set(house.store.read_now(lists.owners, entry)), writers


def test_what_others_gave_a_hijacked_account_is_shown_and_kept(house: House, console: Visitor, phone: Phone) -> None:
    """The thief may have been let in by another account that they have, or by the administrator of the directory."""
    victim, luc = house.person("Ida", "Recue"), house.person("Luc", "Donneur")
    where, by = rosters.ListSettings.of(house.settings), Origin("cn=admin", "ldap")
    box = Box(house, {luc.login: FULL})
    house.store.write_now(rosters.hold, where, box.address, {victim.address: {"read"}}, [], by)
    change = partial(access.change, negative=False)
    viewer, given = Viewer.of(luc.account_id, luc.login), Origin(luc.login, "imap")
    house.store.write_now(change, viewer, "Sent", victim.login, "=", parse("lr"), given)
    house.store.write_now(change, viewer, "Drafts", victim.login, "=", parse("lr"), given)
    house.store.write_now(change, viewer, "Drafts", victim.login, "=", parse(""), given)
    text = opened(console, house, phone, f"/admin/comptes/{victim.account_id}/piratage")
    assert "Reçu depuis 48 heures" in text
    assert (box.address in text, f"{luc.login}/Sent" in text, f"{luc.login}/Drafts" in text) == (True, True, False)
    assert "cn=admin" in text
    house.store.write_now(secure, victim)
    assert victim.address in dict(house.store.read_now(lists.holders, box.address))


def test_what_a_thief_changed_for_others_is_shown_and_stays(house: House, console: Visitor, phone: Phone) -> None:
    """A bulletin, whom a living list finds, who reads an archive: it reaches others, and only somebody who knows what
    it was can put it back."""
    victim, old = house.person("Aude", "Publie"), house.person("Tim", "Reste")
    where, by = rosters.ListSettings.of(house.settings), Origin(victim.login, "console")
    living, plain = f"vivante@{DOMAIN}", f"archivee@{DOMAIN}"
    made = NewList(living, kind=identity.ListKind.LIVING, query="role=teacher", owners=(victim.address,))
    house.store.write_now(rosters.make, where, made, ORIGIN)
    house.store.write_now(rosters.make, where, NewList(plain, members=(old.address,)), ORIGIN)
    house.store.write_now(rosters.change, where, living, ListChange(query="role=pupil"), by)
    opening = ListChange(archive=identity.Archive.MEMBERS)
    house.store.write_now(rosters.change, where, plain, opening, by)
    house.store.write_now(rosters.edit_checked, where, plain, [], [old.address], by)
    number = house.store.write_now(bulletins.post, by, Draft(Kind.ANNOUNCEMENT, 0, 0, "Cliquez sur ce lien"))
    text = opened(console, house, phone, f"/admin/comptes/{victim.account_id}/piratage")
    shown = text.partition("Changé pour d’autres depuis 48 heures</h2>")[2].partition("<h2>")[0]
    for said in ("Cliquez sur ce lien", living, "requête", plain, "archive", old.address):
        assert said in shown, said
    assert "Annonce ou maintenance modifiée" in shown
    house.store.write_now(secure, victim)
    assert number in [one.id for one in house.store.read_now(bulletins.listing)]
    house.store.write_now(bulletins.withdraw, ORIGIN, number)
    other = house.person("Jo", "Rien")
    assert "Changé pour d’autres" not in opened(console, house, phone, f"/admin/comptes/{other.account_id}/piratage")


def test_codes_that_a_thief_made_for_others_open_nothing(house: House, console: Visitor, phone: Phone) -> None:
    """Whoever is in a secretariat's account prints letters: each opens somebody else's account."""
    secretary = house.person("Sig", "Secretaire", identity.Role.SECRETARIAT)
    by = Origin(secretary.login, "secretariat")
    people = [NewPerson(name, "Attend", identity.Role.TEACHER) for name in ("Aa", "Bb", "Cc")]
    waiting, opened_since, before = (house.run(house.directory.add(one)) for one in people)
    desk = Accounts(directory=house.directory, store=house.store, proofs=Proofs(b"k"), clock=house.clock, origin=by)
    elsewhere = Accounts(
        directory=house.directory, store=house.store, proofs=Proofs(b"k"), clock=house.clock, origin=ORIGIN
    )
    for one in (waiting, opened_since):
        house.run(desk.reset(one.login))
    house.run(elsewhere.reset(before.login))
    house.store.write_now(activate, opened_since)

    def codes() -> list[bool]:
        standings = [house.store.read_now(accounts.get, one.account_id) for one in (waiting, before)]
        return [standing is not None and bool(standing.code) for standing in standings]

    assert codes() == [True, True]
    path = f"/admin/comptes/{secretary.account_id}/piratage"
    opened(console, house, phone, path)
    text = console.post(path, {"faire": "securiser", "verifie": "oui"}).text
    assert codes() == [False, True]
    assert re.search(r"retenus\s: \d+\. Codes donnés à d’autres depuis 48 heures, annulés\s: 1\.", text)
    assert opened_since.login in text
    console.post(path, {"faire": "annuler"})
    assert codes() == [True, True]


def activate(tx: Tx, person: Principal) -> None:
    accounts.password_chosen(tx, person.account_id)
    audit.record(tx, Origin("self", "web"), Action.ACTIVATED, person.account_id)


def test_done_twice_it_is_undone_whole(house: House, thief: tuple[Principal, Visitor]) -> None:
    """What was found first comes back, whatever was put there meanwhile; an address of the school's stays its own."""
    victim, _ = thief
    house.store.write_now(recoveries.set_address, victim.account_id, "parent@ailleurs.fr", own=False)

    def again(tx: Tx) -> None:
        secure(tx, victim)
        devices.add(tx, victim.account_id, b"i" * 32, "Encore", [Scope.MAIL])
        recoveries.set_address(tx, victim.account_id, "encore@ailleurs.fr")
        secure(tx, victim)
        undo(tx, victim)

    house.store.write_now(again)
    assert house.store.read_now(recoveries.address, victim.account_id) == "parent@ailleurs.fr"
    row = house.store.read_now(lambda tx: tx.execute(select(account).where(account.c.id == victim.account_id)).one())
    assert not row.recovery_own
    names = [one.name for one in house.store.read_now(devices.listing, victim.account_id)]
    assert sorted(names) == ["Encore", "Programme"]
    assert house.store.read_now(filters.active_script, victim.account_id) is not None


def test_nothing_that_is_under_way_comes_behind(
    house: House, thief: tuple[Principal, Visitor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script is read, an address looked up, while the account is taken back: mail ran on to the thief."""
    victim, visitor = thief
    page, compile_script = "/s/reglages/regles/script", sieve.compile

    def taken_back(source: bytes, **more: Any) -> sieve.Script:
        house.store.write_now(secure, victim)
        return compile_script(source, **more)

    visitor.get(f"{page}?nouveau=1")
    with monkeypatch.context() as patch:
        patch.setattr(sieve, "compile", taken_back)
        visitor.post(page, {"version": "", "nom": "encore", "texte": "discard;", "faire": "enregistrer"})
    names = [one.name for one in house.store.read_now(filters.listing, victim.account_id)]
    assert names == ["vol"]
    before = house.store.read_now(accounts.get, victim.account_id)
    assert before is not None
    late = Origin(victim.login, "web", "", victim.account_id, before.login_version - 1)
    with pytest.raises(Refused) as refused:
        house.store.write_now(confirmed_answers.confirm, victim.account_id, Said("Mon IBAN"), ["iban"], late)
    assert refused.value.reason is Reason.AUTHENTICATION
    parts: dict[str, Any] = {"settings": house.settings, "store": house.store, "clock": house.clock}
    asking = Forwards(**parts, directory=house.directory, delivery=house.delivery, post=house.submission.post)
    with pytest.raises(Refused) as refused:
        house.run(asking.ask(victim, house.person("Carla", "Complice").address, late))
    assert refused.value.reason is Reason.AUTHENTICATION
    assert house.store.read_now(forwards.of_account, victim.account_id) == (None, None)
    octets, later = mail(sender=victim.address), int(house.clock.now()) + HOUR
    with pytest.raises(Refused) as refused:
        house.run(house.submission.submit(victim, victim.address, ("a@ailleurs.fr",), octets, due=later, keeps=True))
    assert refused.value.reason is Reason.AUTHENTICATION
    final, terms = house.run(house.delivery.prepare(octets)), outbox.Terms(victim.address, ("a@ailleurs.fr",))
    plan = partial(let_wait, planned=True)
    what = (victim.account_id, b"l" * 32, 0, final, terms, later, messages.NO_QUOTA)
    with pytest.raises(Refused) as refused:
        house.store.write_now(plan, late, (), *what)
    assert refused.value.reason is Reason.AUTHENTICATION
    assert house.store.read_now(outbox.listing, victim.account_id) == []


def test_rules_that_are_switched_on_again_send_nothing_to_the_thief(house: House) -> None:
    """Mail is sent on by a line of the owner's rules, which they need not look at before they use them again."""
    victim = house.person("Rita", "Renvoyee")
    rules = Documents(settings=house.settings, store=house.store)
    account_id = victim.account_id

    def change(document: Document) -> Document:
        return replace(document, blocked=Blocked(senders=("pub@exemple.net",)), forward=Forward("receleur@ailleurs.fr"))

    house.run(rules.revise(account_id, change, ORIGIN))
    house.store.write_now(forwards.ask, account_id, "receleur@ailleurs.fr", mark(victim, "t"), 2**40)
    house.store.write_now(forwards.agree, mark(victim, "t"))
    house.store.write_now(secure, victim)
    assert house.store.read_now(forward_targets.of_account, account_id) == []
    house.run(rules.start(account_id, ORIGIN))
    found = house.store.read_now(filters.active_script, account_id)
    assert found is not None
    assert b"pub@exemple.net" in found[1]
    assert b"voleur" not in found[1]
    house.store.write_now(undo, victim)
    assert house.run(rules.read(account_id)).document.forward == Forward("receleur@ailleurs.fr")
    assert [one.address for one in house.store.read_now(forward_targets.of_account, account_id)] == [
        "receleur@ailleurs.fr"
    ]


def test_a_young_second_factor_and_all_codes_go_and_come_back(house: House) -> None:
    victim, other = house.person("Tom", "Piegetrois"), house.person("Tim", "Piegequatre")

    def with_factor(tx: Tx, person: Principal, age: int) -> None:
        factors.begin(tx, person.account_id, f"sealed {age}")
        factors.confirm(tx, person.account_id, f"sealed {age}", 7)
        factors.set_codes(tx, person.account_id, [mark(person, "1"), mark(person, "2")])
        factors.take_code(tx, person.account_id, mark(person, "2"))
        mine = one_time_password.c.account_id == person.account_id
        tx.execute(update(one_time_password).where(mine).values(confirmed=tx.now - age))
        secure(tx, person)

    house.store.write_now(with_factor, victim, 47 * 3600)
    house.store.write_now(with_factor, other, 49 * 3600)
    assert not house.store.read_now(factors.is_on, victim.account_id), "the owner comes in with the new code alone"
    assert house.store.read_now(factors.is_on, other.account_id), "it was there before the thief"
    for person in (victim, other):
        assert not house.store.write_now(factors.take_code, person.account_id, mark(person, "1"))
        house.store.write_now(undo, person)
        factor = house.store.read_now(factors.get, person.account_id)
        assert factor is not None
        assert factor.last_counter == 7
        assert house.store.read_now(factors.codes_left, person.account_id) == 1


def test_what_is_being_sent_is_held_when_it_comes_back(house: House) -> None:
    """Given back by a worker that stops, put off by another server, or left by a killed worker: nothing is tried."""
    victim = house.person("Lea", "Enroute")
    sent = [f"{name}@en-route.fr" for name in "abc"]
    for to in sent:
        house.run(house.submission.submit(victim, victim.address, (to,), mail(sender=victim.address)))
    mine = [one.id for one in house.store.read_now(spool.show) if one.sender == victim.address]

    def leased(tx: Tx) -> list[Leased]:
        return [one for one in spool.lease(tx, 1000) if one.account_id == victim.account_id]

    first, second, third = house.store.write_now(leased)
    house.store.write_now(secure, victim)
    assert queue(house, victim) == [False] * 3
    house.store.write_now(spool.give_back, [(first.id, first.lease)])
    house.store.write_now(spool.settle, second, (), due=0)
    house.store.write_now(spool.settle, third, (), due=0)
    assert house.store.write_now(leased) == []
    assert queue(house, victim) == [True] * 3
    house.store.write_now(spool.retry, mine[:1])
    assert [one.id for one in house.store.write_now(leased)] == mine[:1], "IT lets it go"
    house.store.write_now(undo, victim)
    assert [one.id for one in house.store.write_now(leased)] == mine[1:]
    house.store.write_now(spool.drop, mine)


def test_whatever_it_was_written_as_it_is_shown_and_taken_back(
    house: House, console: Visitor, phone: Phone, emma: Principal
) -> None:
    """Its author in capitals, somebody else's mail passed on, many answers of other servers, what a filter sent on."""
    victim = house.person("Cora", "Capitale")
    path = f"/admin/comptes/{victim.account_id}/piratage"
    shouted = mail("En capitales", sender=victim.address.upper())
    house.run(house.submission.submit(victim, victim.address, (emma.address,), shouted))
    own = Correspondent("Emma", emma.address)
    passed = mail("Repassé", sender="tiers@exemple.net")
    house.run(house.submission.resend(victim, (own,), passed, Provenance(Door.SMTP)))

    def steps(tx: Tx) -> None:
        for number in range(300):
            step = Trace(Step.DEFERRED, f"N{number}", victim.address, ["x@loin.fr"], account_id=victim.account_id)
            traces.record(tx, step)
        cause = Cause("filter-sent-on", address="voleur@ailleurs.fr")
        own_box = [victim.address]
        traces.record(tx, Trace(Step.FILTERED, "F", "a@b.fr", own_box, account_id=victim.account_id, detail=cause))

    house.store.write_now(steps)
    before = inbox(house, emma)
    text = opened(console, house, phone, path)
    for shown in ("En capitales", "Repassé", "Envoyé", "voleur@ailleurs.fr"):
        assert shown in text
    console.post(path, {"faire": "retirer"})
    worked(house)
    assert inbox(house, emma) == before - 2


def test_nobody_secures_their_own_account(
    house: House, console: Visitor, phone: Phone, administrator: Principal
) -> None:
    path = f"/admin/comptes/{administrator.account_id}/piratage"
    opened(console, house, phone, path)
    console.post(path, {"faire": "securiser", "verifie": "oui"})
    assert "propre compte" in console.text
    assert house.store.read_now(secured.since, administrator.account_id) == 0
