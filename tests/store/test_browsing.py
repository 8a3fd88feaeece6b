"""What address books ask of the store, on both engines: pages of the alphabet, lists by name, who writes to whom."""

from pathlib import Path

from directory.lists import membership, rosters
from directory.lists.rosters import ListSettings, NewList
from directory.people.embedded import EmbeddedDirectory
from mailserver.addressbook.browsing import Browsing, Wanted
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.model.identity import Affiliation, NewPerson, Principal, Role, Tie
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.people import letters, schools
from mailserver.store.people.letters import Course
from mailserver.store.people.mailing_lists import lists
from mailserver.store.record.audit import Origin
from mailserver.store.web.webmail import correspondents

DOMAIN = "ac-exemple.fr"
UAI = "0210006T"
ORIGIN = Origin("test", "test")


async def people_of(store: Store, folder: Path) -> tuple[EmbeddedDirectory, list[Principal]]:
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "hmac").write_text("00" * 32)
    settings = Settings.model_validate({"domain": DOMAIN, "directory": folder})
    directory = EmbeddedDirectory(settings=settings, store=store, clock=SystemClock())
    await store.write(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC", town="Dijon")])
    made = []
    for name in ("Élan", "éclair", "Zola", "Abel"):
        tie = Affiliation(Tie.FUNCTION, "ENS", UAI, "Professeur")
        person = NewPerson("Ana", name, Role.TEACHER, uai=UAI, discipline="Lettres", affiliations=(tie,))
        made.append(await directory.add(person))
    return directory, made


async def test_pages_follow_the_alphabet(store: Store, tmp_path: Path) -> None:
    directory, made = await people_of(store, tmp_path)
    browsing = Browsing(store, directory, ours=True, quota=0)
    seen: list[str] = []
    after = 0
    while True:
        page = await browsing.page(made[0], Wanted(school="carnot", function="prof", discipline="lett"), 1, after)
        seen += [person.principal.surname for person in page.people]
        if not page.more:
            break
        after = page.people[-1].principal.account_id
    assert seen == ["Abel", "éclair", "Élan", "Zola"]
    from_e = await browsing.page(made[0], Wanted(), 10, letter="e")
    assert [person.principal.surname for person in from_e.people] == ["éclair", "Élan", "Zola"]
    directory.close()


async def test_lists_and_who_is_in_them(store: Store, tmp_path: Path) -> None:
    directory, made = await people_of(store, tmp_path)
    list_settings = ListSettings((DOMAIN,))
    for wanted in (
        NewList(f"chorale@{DOMAIN}", "La Chorale", members=(made[0].address,)),
        NewList(f"profs@{DOMAIN}", "Professeurs", query=f"role=teacher uai={UAI}"),
    ):
        await store.write(rosters.make, list_settings, wanted, ORIGIN)
    assert [one.name for one in await store.read(lists.named, ["chor"], 5)] == ["La Chorale"]
    assert await store.read(lists.named, ["50%_"], 5) == []
    found = await store.read(membership.received_by, list_settings, made[0])
    assert {"La Chorale", "Professeurs"} <= {one.name for one in found}
    outlook = await store.read(membership.outlook, list_settings, f"profs@{DOMAIN}")
    assert outlook.count == 4
    directory.close()


async def test_moves_and_recent_mail(store: Store, tmp_path: Path) -> None:
    directory, made = await people_of(store, tmp_path)
    await store.write(accounts.close, made[1].account_id, "test")
    ids = [one.account_id for one in made]
    moved = {one.account_id: one.course for one in await store.read(letters.moves, ids, 0)}
    assert moved[made[1].account_id] is Course.LEFT
    assert moved[made[0].account_id] is Course.CAME
    account_id = made[0].account_id
    await store.write(mailboxes.provision, account_id)
    octets = (
        b'From: ana@x.fr\r\nTo: "Roux, \\"J\\" (a)" <j@y.fr>, =?utf-8?q?=C3=89mile?= <e@y.fr>\r\n'
        b'Subject: (NIL NIL "faux" "z.fr")\r\n\r\nBonjour\r\n'
    )
    sent = await store.read(mailboxes.by_use, account_id, "\\Sent")
    assert sent is not None
    prepared = blobs.prepare(octets, store.blobs)
    await store.write(messages.append, account_id, sent.id, prepared)
    found = await store.read(correspondents.written_to, account_id, 10)
    assert [(one.name, one.address) for one in found][-2:] == [('Roux, "J" (a)', "j@y.fr"), ("Émile", "e@y.fr")]
    assert not [one for one in found if "faux" in one.address]
    directory.close()
