"""A secretariat and its own school: people, letters, new codes, the log; on both engines."""

import io
from dataclasses import replace

import pytest
from pypdf import PdfReader

from directory.people.embedded import EmbeddedDirectory
from directory.people.secretariat import Printed, Secretariat
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Affiliation, NewPerson, Principal, Role, State, Tie
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from mailserver.store.people import schools
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import NOTHING

TILLEULS, LYCEE = "0210006T", "0710023X"
ORIGIN = Origin("rleroy", "web", "192.0.2.7")


@pytest.fixture
def office(store: Store, settings: Settings, embedded: EmbeddedDirectory) -> Secretariat:
    store.write_now(schools.upsert, [schools.Facts(TILLEULS, "Collège Les Tilleuls")])
    store.write_now(schools.upsert, [schools.Facts(LYCEE, "Lycée Claude-Bernard")])
    return Secretariat(settings=settings, directory=embedded, store=store, clock=store.clock)


async def add(
    directory: EmbeddedDirectory, given_name: str, surname: str, role: Role, uai: str = TILLEULS, **more: object
) -> Principal:
    return await directory.add(replace(NewPerson(given_name, surname, role, uai=uai), **more))  # type: ignore[arg-type]


async def rleroy(directory: EmbeddedDirectory) -> Principal:
    return await add(directory, "Rose", "Leroy", Role.SECRETARIAT)


def texts(printed: Printed) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(printed.pdf)).pages]


def codes(store: Store, account_id: int) -> bytes | None:
    standing = store.read_now(accounts.get, account_id)
    assert standing is not None
    return standing.code


async def test_it_sees_its_own_school_only(office: Secretariat, embedded: EmbeddedDirectory) -> None:
    viewer = await rleroy(embedded)
    pupil = await add(embedded, "Sami", "Kaci", Role.PUPIL)
    elsewhere = await add(embedded, "Marc", "Martin", Role.TEACHER, LYCEE)
    assert [school.uai for school in await office.schools(viewer)] == [TILLEULS]
    assert [person.principal.login for person in await office.people(viewer, TILLEULS)] == [pupil.login, viewer.login]
    for uai in (LYCEE, "0000000A", ""):
        for work in (office.people(viewer, uai), office.log(viewer, uai)):
            with pytest.raises(Refused) as refused:
                await work
            assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await office.print_letters(viewer, LYCEE, [elsewhere.account_id], ORIGIN)
    assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await office.renew(viewer, TILLEULS, elsewhere.account_id, ORIGIN)
    assert refused.value.reason is Reason.NOT_FOUND
    with pytest.raises(Refused) as refused:
        await office.print_letters(viewer, TILLEULS, [elsewhere.account_id], ORIGIN)
    assert refused.value.reason is Reason.INVALID


async def test_nobody_else_is_a_secretariat_and_an_administrator_is_all_of_them(
    office: Secretariat, embedded: EmbeddedDirectory
) -> None:
    for role in (Role.TEACHER, Role.PUPIL, Role.STAFF):
        person = await add(embedded, "Une", f"Personne {role.value}", role)
        with pytest.raises(Refused) as refused:
            await office.people(person, TILLEULS)
        assert refused.value.reason is Reason.FORBIDDEN
    admin = await add(embedded, "Ada", "Minière", Role.ADMIN, "")
    assert [school.uai for school in await office.schools(admin)] == [TILLEULS, LYCEE]
    assert await office.people(admin, LYCEE) == []


async def test_a_secretariat_of_two_schools(office: Secretariat, embedded: EmbeddedDirectory) -> None:
    further = (Affiliation(Tie.SCHOOL, LYCEE, LYCEE),)
    viewer = await add(embedded, "Rose", "Leroy", Role.SECRETARIAT, affiliations=further)
    assert [school.uai for school in await office.schools(viewer)] == [TILLEULS, LYCEE]
    assert [person.principal.login for person in await office.people(viewer, LYCEE)] == [viewer.login]


async def test_letters_carry_fresh_codes_and_kill_the_ones_before(
    office: Secretariat, embedded: EmbeddedDirectory, store: Store
) -> None:
    viewer = await rleroy(embedded)
    classes = (Affiliation(Tie.CLASS, "4B", TILLEULS, "4e B"),)
    pupil = await add(embedded, "Sami", "Kaci", Role.PUPIL, affiliations=classes)
    active = await add(embedded, "Emma", "Dupont", Role.TEACHER)
    await embedded.set_password(active.account_id, Secret("Academie#2026"))
    assert codes(store, pupil.account_id) is None
    printed = await office.print_letters(viewer, TILLEULS, [pupil.account_id, active.account_id, 999_999], ORIGIN)
    assert printed.letters == 1
    (text,) = texts(printed)
    assert "Sami Kaci" in text
    assert "4e B" in text
    assert "Collège Les Tilleuls" in text
    first = codes(store, pupil.account_id)
    assert first is not None
    assert codes(store, active.account_id) is None
    (again,) = texts(await office.print_letters(viewer, TILLEULS, [pupil.account_id], ORIGIN))
    assert "code n° 2" in again
    assert codes(store, pupil.account_id) != first
    member = next(person for person in await office.people(viewer, TILLEULS) if person.principal.login == pupil.login)
    assert (member.doorstep.letters, member.doorstep.state) == (2, State.PENDING)
    assert member.detail == "4e B"


async def test_no_secretariat_opens_an_administrators_account(
    office: Secretariat, embedded: EmbeddedDirectory, store: Store
) -> None:
    viewer = await rleroy(embedded)
    pupil = await add(embedded, "Sami", "Kaci", Role.PUPIL)
    admin = await add(embedded, "Ada", "Minière", Role.ADMIN)
    printed = await office.print_letters(viewer, TILLEULS, [pupil.account_id, admin.account_id], ORIGIN)
    assert printed.letters == 1
    with pytest.raises(Refused) as refused:
        await office.print_letters(viewer, TILLEULS, [admin.account_id], ORIGIN)
    assert refused.value.reason is Reason.INVALID
    assert codes(store, admin.account_id) is None
    other = await add(embedded, "Alan", "Minière", Role.ADMIN, "")
    assert (await office.print_letters(other, TILLEULS, [admin.account_id], ORIGIN)).letters == 1


async def test_who_activates_while_letters_are_printed_gets_no_code(
    store: Store, settings: Settings, embedded: EmbeddedDirectory
) -> None:
    """A code on an account that is open already would open it to whoever finds the letter."""
    viewer = await rleroy(embedded)
    quick = await add(embedded, "Sami", "Kaci", Role.PUPIL)
    slow = await add(embedded, "Lina", "Morel", Role.PUPIL)

    class Meanwhile(SystemClock):
        """Codes are made after the people were read and before anything is kept."""

        def token(self, octets: int) -> bytes:
            store.write_now(accounts.password_chosen, quick.account_id)
            return super().token(octets)

    office = Secretariat(settings=settings, directory=embedded, store=store, clock=Meanwhile())
    printed = await office.print_letters(viewer, TILLEULS, [quick.account_id, slow.account_id], ORIGIN)
    assert printed.letters == 1
    assert "Lina Morel" in texts(printed)[0]
    assert codes(store, quick.account_id) is None
    assert Action.LETTER_PRINTED not in [one.action for one in store.read_now(audit.history, quick.account_id)]
    with pytest.raises(Refused) as refused:
        await office.print_letters(viewer, TILLEULS, [quick.account_id], ORIGIN)
    assert refused.value.reason is Reason.INVALID


async def test_a_secretariat_does_not_get_hold_of_further_schools_through_a_colleague(
    office: Secretariat, embedded: EmbeddedDirectory, store: Store
) -> None:
    viewer = await rleroy(embedded)
    both = (Affiliation(Tie.SCHOOL, LYCEE, LYCEE),)
    colleague = await add(embedded, "Jeanne", "Roux", Role.SECRETARIAT, affiliations=both)
    own = await add(embedded, "Paul", "Petit", Role.SECRETARIAT)
    printed = await office.print_letters(viewer, TILLEULS, [colleague.account_id, own.account_id], ORIGIN)
    assert printed.letters == 1
    assert codes(store, colleague.account_id) is None
    await embedded.set_password(colleague.account_id, Secret("Academie#2026"))
    with pytest.raises(Refused) as refused:
        await office.renew(viewer, TILLEULS, colleague.account_id, ORIGIN)
    assert refused.value.reason is Reason.FORBIDDEN
    assert await embedded.authenticate(colleague.login, Secret("Academie#2026")) is not None
    # The other way round nothing is gained, and an administrator may do either.
    assert (await office.renew(colleague, TILLEULS, viewer.account_id, ORIGIN)).letters == 1
    admin = await add(embedded, "Ada", "Minière", Role.ADMIN, "")
    assert (await office.renew(admin, TILLEULS, colleague.account_id, ORIGIN)).letters == 1


async def test_a_new_code_withdraws_the_password(
    office: Secretariat, embedded: EmbeddedDirectory, store: Store
) -> None:
    viewer = await rleroy(embedded)
    emma = await add(embedded, "Emma", "Dupont", Role.TEACHER)
    await embedded.set_password(emma.account_id, Secret("Academie#2026"))
    printed = await office.renew(viewer, TILLEULS, emma.account_id, ORIGIN)
    assert "Emma Dupont" in texts(printed)[0]
    assert codes(store, emma.account_id) is not None
    assert await embedded.authenticate("edupont", Secret("Academie#2026")) is None
    history = [event.action for event in store.read_now(audit.history, emma.account_id)]
    assert history[:2] == [Action.LETTER_PRINTED, Action.CODE_ISSUED]


async def test_what_a_secretariat_may_not_renew(office: Secretariat, embedded: EmbeddedDirectory, store: Store) -> None:
    viewer = await rleroy(embedded)
    admin = await add(embedded, "Ada", "Minière", Role.ADMIN)
    await embedded.set_password(admin.account_id, Secret("Academie#2026"))
    with pytest.raises(Refused) as refused:
        await office.renew(viewer, TILLEULS, admin.account_id, ORIGIN)
    assert refused.value.reason is Reason.FORBIDDEN
    # A session is not the password: who holds only that must not print a new one's letter.
    with pytest.raises(Refused) as refused:
        await office.renew(viewer, TILLEULS, viewer.account_id, ORIGIN)
    assert refused.value.reason is Reason.FORBIDDEN
    emma = await add(embedded, "Emma", "Dupont", Role.TEACHER)
    store.write_now(accounts.suspend, emma.account_id, "essai", False)
    with pytest.raises(Refused) as refused:
        await office.renew(viewer, TILLEULS, emma.account_id, ORIGIN)
    assert refused.value.reason is Reason.CONFLICT


async def test_the_log_tells_who_printed_what(office: Secretariat, embedded: EmbeddedDirectory) -> None:
    viewer = await rleroy(embedded)
    pupil = await add(embedded, "Sami", "Kaci", Role.PUPIL)
    assert await office.log(viewer, TILLEULS) == []
    await office.print_letters(viewer, TILLEULS, [pupil.account_id], ORIGIN)
    (logged,) = await office.log(viewer, TILLEULS)
    assert (logged.entry.action, logged.entry.actor, logged.person.login) == (
        Action.LETTER_PRINTED,
        "rleroy",
        pupil.login,
    )


async def test_too_many_letters_at_once(office: Secretariat, embedded: EmbeddedDirectory) -> None:
    viewer = await rleroy(embedded)
    with pytest.raises(Refused) as refused:
        await office.print_letters(viewer, TILLEULS, range(1, 3000), ORIGIN)
    assert refused.value.reason is Reason.LIMIT


async def test_each_document_is_one_printing_whoever_has_an_earlier_letter_too(
    office: Secretariat, embedded: EmbeddedDirectory, store: Store
) -> None:
    """Two documents of one second are two; rows of before printings had names go together by second and actor."""
    viewer = await rleroy(embedded)
    pupils = [await add(embedded, "Sami", f"Kaci{letter}", Role.PUPIL) for letter in "ABC"]
    ids = [pupil.account_id for pupil in pupils]
    store.write_now(audit.record_many, ORIGIN, [(Action.LETTER_PRINTED, account_id, NOTHING) for account_id in ids])
    await office.print_letters(viewer, TILLEULS, ids[:2], ORIGIN)
    await office.print_letters(viewer, TILLEULS, ids, ORIGIN)
    await embedded.set_password(ids[0], Secret("Academie#2026"))
    found = await office.printings(viewer, TILLEULS)
    assert [(one.letters, one.waiting, bool(one.batch)) for one in found] == [(3, 2, True), (2, 1, True), (3, 2, False)]
    assert await office.of_printing(viewer, TILLEULS, found[0].batch) == set(ids)
    assert await office.of_printing(viewer, TILLEULS, found[1].batch) == set(ids[:2])
    for batch in ("", "00000000", '"%'):
        assert await office.of_printing(viewer, TILLEULS, batch) == set()
    with pytest.raises(Refused) as refused:
        await office.of_printing(viewer, LYCEE, found[0].batch)
    assert refused.value.reason is Reason.NOT_FOUND
