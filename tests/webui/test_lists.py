"""Lists in the web: one's own, those one owns, moderation by page and by link; nobody else's."""

import re

import pytest
from playwright.sync_api import Browser, expect

from directory.lists import rosters
from directory.lists.rosters import ListChange, NewList
from mailserver.delivery import Envelope
from mailserver.foundation.settings import Passwords
from mailserver.model.identity import Answers, Principal, Role, Writers
from mailserver.model.rules import PRESETS, Sender
from mailserver.store.account import accounts, rules
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists, personal_lists
from mailserver.store.queue.held import moderation_queue
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.upkeep import erasure
from tests.webui.browser import SIZES, faults_of, let_in, log_in, visiting
from tests.webui.house import DOMAIN, House, Visitor, mail, pressed_by_enter
from webui.page import administrators

ORIGIN = Origin("test", "test")
UAI = "0210006T"
QUERY = f"role=pupil uai={UAI}"


@pytest.fixture(scope="module")
def pupil(house: House) -> Principal:
    house.store.write_now(schools.upsert, [schools.Facts(UAI, "Lycée Carnot", "LYC")])
    return house.person("Tom", "Petit", Role.PUPIL, uai=UAI)


@pytest.fixture(scope="module")
def admin(house: House) -> Principal:
    person = house.person("Ada", "Ministre", Role.ADMIN)
    # Second factors have tests of their own.
    house.settings.adopt(house.settings.model_copy(update={"passwords": Passwords(second_factor=())}))
    return person


@pytest.fixture(scope="module")
def at_school(house: House, pupil: Principal) -> Principal:
    return house.person("Lise", "Prof", Role.TEACHER, uai=UAI)


def make(house: House, local: str, **more: object) -> str:
    address = f"{local}@{DOMAIN}"
    if house.store.read_now(lists.get, address) is None:
        wanted = NewList(address, **more)  # type: ignore[arg-type]
        house.store.write_now(rosters.make, rosters.ListSettings.of(house.settings), wanted, ORIGIN)
    return address


def hold(house: House, address: str, subject: str) -> int:
    """A message that waits; its number."""
    sender = Sender.outside("x@exemple.org")
    recipient = house.run(house.delivery.resolve(address, 0, sender))
    house.run(house.delivery.deliver(Envelope("x@exemple.org", (recipient,), sender), mail(subject)))
    return house.store.read_now(moderation_queue.waiting, [address])[-1].id


def sending(visitor: Visitor) -> dict[str, str]:
    """The button Send of the open form."""
    return {"faire": "envoyer", "cle": visitor.field("cle")}


# ---------------------------------------------------------------------- who receives


def test_the_lists_somebody_receives_are_shown(
    house: House, visitor: Visitor, at_school: Principal, marc: Principal
) -> None:
    make(house, "reunion", name="Réunion", owners=(marc.address,), members=(at_school.address,))
    make(house, "profs", name="Tous les profs", owners=(marc.address,), query=f"role=teacher uai={UAI}")
    make(house, "autres", name="Les autres", owners=(marc.address,), members=(marc.address,))
    visitor.log_in(at_school.login)
    visitor.get("/m/listes/recues")
    for shown in ("Réunion", "Tous les profs", f"enseignants.{UAI.lower()}@", f"personnels.{UAI.lower()}@"):
        assert shown in visitor.text
    for absent in ("Les autres", f"eleves.{UAI.lower()}@", f"secretariat.{UAI.lower()}@"):
        assert absent not in visitor.text


def test_owners_see_who_will_receive_and_which_members_lead_nowhere(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    make(house, "interieure", members=(marc.address,))
    gone = house.person("Parti", "Loin")
    address = make(
        house,
        "mixte",
        owners=(emma.address,),
        members=(emma.address, gone.address, f"interieure@{DOMAIN}", "amie@ailleurs.fr"),
    )
    at_home.get(f"/s/liste/{address}")
    assert "4 personnes" in at_home.text
    assert "ne mène plus" not in at_home.text
    house.store.write_now(erasure.remove_entry, gone.account_id)
    at_home.get(f"/s/liste/{address}")
    assert "3 personnes" in at_home.text
    assert "Avec les membres d’1 autre liste" in at_home.text.replace("une", "1")
    assert "Marc Martin" in at_home.text
    assert "1 adresse hors de l’académie" in at_home.text
    assert f"ne mène plus à personne\u202f: {gone.address}" in at_home.text.replace("\n", " ")


def test_members_come_from_a_file_and_are_looked_at_first(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    address = make(house, "importee", owners=(emma.address,), members=(emma.address,))
    table = f"Nom;Adresse\r\nMartin;{marc.address}\r\nAmie;<amie@ailleurs.fr>\r\nEmma;{emma.address}\r\n;pas@\r\n"
    at_home.get(f"/s/liste/{address}")
    form = {"nom": "Importée", "membres": emma.address, "qui": "anyone", "proprietaires": emma.address}
    file = {"fichier": ("f.csv", table.encode("utf-16"), "text/csv")}
    at_home.post(f"/s/liste/{address}", {**form, "faire": "fichier"}, files=file)
    assert "2 adresses ajoutées" in at_home.text
    assert house.store.read_now(lists.members, address) == (emma.address,)
    found = re.search(r'<textarea id="membres"[^>]*>\n(.*?)</textarea>', at_home.text, re.DOTALL)
    assert found
    at_home.post(f"/s/liste/{address}", {**form, "membres": found[1], "faire": "garder"})
    assert set(house.store.read_now(lists.members, address)) == {emma.address, marc.address, "amie@ailleurs.fr"}
    at_home.get("/s/listes")
    at_home.post("/s/listes", {"nom": "Perso", "membres": "", "faire": "fichier"}, files=file)
    assert "amie@ailleurs.fr" in at_home.text
    assert not [one for one in house.store.read_now(personal_lists.listing, emma.account_id) if one.name == "Perso"]


def test_a_query_is_composed_by_choice(house: House, visitor: Visitor, admin: Principal, pupil: Principal) -> None:
    visitor.log_in(admin.login)
    visitor.get("/m/liste")
    visitor.post("/m/liste", {"adresse": "composee", "c_role": "pupil", "c_uai": UAI, "faire": "composer"})
    assert f"role=pupil uai={UAI}" in visitor.text
    assert pupil.name in visitor.text
    visitor.post("/m/liste", {"c_classe": '4e "B" (', "c_uai": UAI, "faire": "composer"})
    assert "0 personne" in visitor.text


# ---------------------------------------------------------------------- one's own


def test_a_personal_list_is_made_used_changed_and_deleted(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    at_home.get("/s/listes")
    at_home.post("/s/listes", {"nom": "Chorale du soir", "membres": "Marc Martin\namie@ailleurs.fr"})
    assert "Liste créée" in at_home.text
    address = f"{emma.login}+liste.chorale-du-soir@{DOMAIN}"
    assert address in at_home.text
    (link,) = at_home.links(r"/s/listes/\d+$")
    at_home.get(link)
    assert marc.address in at_home.text
    at_home.get("/s/ecrire")
    at_home.post(
        "/s/ecrire",
        {
            "a": "chorale du soir",
            "objet": "Répétition",
            "texte": "Ce soir.",
            "faire": "envoyer",
            "cle": at_home.field("cle"),
        },
    )
    assert "Message envoyé" in at_home.text
    octets = house.octets(marc, "INBOX")
    assert address.encode() in octets
    assert b"amie@ailleurs.fr" not in octets
    at_home.get(link)
    at_home.post(link, {"nom": "Chorale", "membres": marc.login, "faire": "garder"})
    assert "Liste enregistrée" in at_home.text
    at_home.get(link)
    at_home.post(link, {"faire": "supprimer"})
    assert "Cochez la case" in at_home.text
    at_home.post(link, {"faire": "supprimer", "confirme": "1"})
    assert "Liste supprimée" in at_home.text
    assert at_home.get(link).status_code == 404


def test_what_is_no_member_is_asked_about(house: House, at_home: Visitor, emma: Principal) -> None:
    for typed in ("Personne Inconnue", "x@@y", f"fantome@{DOMAIN}"):
        at_home.get("/m/listes")
        answer = at_home.post("/m/listes", {"nom": "Essai", "membres": typed})
        assert answer.status_code == 422
        assert "pas encore enregistrée" in at_home.text
    at_home.get("/m/listes")
    assert at_home.post("/m/listes", {"nom": "!!!", "membres": ""}).status_code == 422
    assert house.store.read_now(personal_lists.listing, emma.account_id) == []


def test_other_peoples_lists_are_no_pages(house: House, visitor: Visitor, emma: Principal, marc: Principal) -> None:
    number = house.store.write_now(personal_lists.create, marc.account_id, "Secret", ["amie@ailleurs.fr"])
    address = make(house, "prive", owners=(marc.address,), members=(emma.address,))
    visitor.log_in(emma.login)
    for path in (f"/s/listes/{number}", f"/s/liste/{address}", f"/s/liste/{address}/attente", "/s/liste"):
        assert visitor.get(path).status_code == 404
    visitor.get("/s/listes")
    assert "Secret" not in visitor.text
    assert address not in visitor.text
    page = visitor.text
    for path, form in (
        (f"/s/listes/{number}", {"faire": "supprimer", "confirme": "1"}),
        (f"/s/liste/{address}", {"faire": "garder", "nom": "Pris"}),
        (f"/s/liste/{address}", {"faire": "supprimer", "confirme": "1"}),
        (f"/s/liste/{address}/attente", {"faire": "accepter", "message": "1"}),
        ("/s/liste", {"adresse": "nouvelle"}),
    ):
        assert visitor.post(path, form, page=page).status_code == 404
    assert house.store.read_now(personal_lists.listing, marc.account_id)[0].name == "Secret"
    house.store.write_now(personal_lists.remove, marc.account_id, number)


# ---------------------------------------------------------------------- those one owns


def test_an_owner_sets_policies_and_members(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    address = make(house, "projet", owners=(emma.address,), members=(marc.address,))
    at_home.get("/s/listes")
    assert address in at_home.text
    at_home.get(f"/s/liste/{address}")
    form = {
        "nom": "Projet", "qui": "members", "nommes": "amie@ailleurs.fr", "proprietaires": emma.login,
        "moderee": "1", "caches": "1", "membres": f"{emma.login}\namie@ailleurs.fr", "faire": "garder",
    }  # fmt: skip
    at_home.post(f"/s/liste/{address}", form)
    assert "Liste enregistrée" in at_home.text
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert (entry.name, entry.writers, entry.moderated, entry.hidden_members) == ("Projet", Writers.MEMBERS, True, True)
    assert house.store.read_now(lists.members, address) == ("amie@ailleurs.fr", f"{emma.login}@{DOMAIN}")
    at_home.post(f"/s/liste/{address}", {**form, "reponses": "owners", "dernier_jour": "2026-07-03"})
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert (entry.answers, entry.ends) == (Answers.OWNERS, 1_783_116_000)
    at_home.get(f"/s/liste/{address}")
    assert "ne reçoit plus de messages depuis le 4 juillet 2026" in at_home.text
    assert at_home.field("dernier_jour") == "2026-07-03"
    at_home.get("/s/listes")
    assert f"{address} – fermée" in at_home.text
    at_home.get(f"/s/liste/{address}")
    assert at_home.post(f"/s/liste/{address}", {**form, "dernier_jour": "hier"}).status_code == 422
    assert "Le dernier jour n’est pas un jour" in at_home.text
    at_home.post(f"/s/liste/{address}", {**form, "membres": "fantome"})
    assert f"fantome@{DOMAIN} n’existe pas" in at_home.text
    at_home.get(f"/s/liste/{address}")
    answer = at_home.post(f"/s/liste/{address}", {"faire": "supprimer", "confirme": "1"})
    assert answer.status_code == 403, "only administrators delete"


def test_an_owner_undoes_nothing_that_another_did_meanwhile(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    address = make(house, "equipe", owners=(emma.address, marc.address), members=(emma.address, "part@ailleurs.fr"))
    at_home.get(f"/s/liste/{address}")
    form = {"nom": "Équipe", "proprietaires": f"{emma.address}\n{marc.address}", "faire": "garder"}
    form |= {"etat": at_home.field("etat"), "membres": f"{emma.address}\npart@ailleurs.fr\nneuf@ailleurs.fr"}
    house.store.write_now(rosters.edit, address, ["autre@ailleurs.fr"], ["part@ailleurs.fr"])
    held = house.store.read_now(lists.members, address)
    assert at_home.post(f"/s/liste/{address}", form).status_code == 422
    assert house.store.read_now(lists.members, address) == held, "who was added stays, who left is not put back"
    said = re.sub("[\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}]", " ", at_home.text)
    assert "Membres enregistrés, absents ici : autre@ailleurs.fr." in said
    assert "pas enregistrés : neuf@ailleurs.fr, part@ailleurs.fr." in said
    members = "\n".join((*held, "neuf@ailleurs.fr"))
    at_home.post(f"/s/liste/{address}", form | {"etat": at_home.field("etat"), "membres": members})
    assert set(house.store.read_now(lists.members, address)) == {*held, "neuf@ailleurs.fr"}


def test_a_window_undoes_nothing_that_another_saved(at_home: Visitor) -> None:
    at_home.get("/s/listes")
    at_home.post("/s/listes", {"nom": "Deux fenêtres", "membres": "un@ailleurs.fr"})
    link = at_home.links(r"/s/listes/\d+$")[-1]
    first = at_home.get(link).text
    form = {"nom": "Deux fenêtres", "etat": at_home.field("etat"), "faire": "garder"}
    at_home.post(link, form | {"membres": "un@ailleurs.fr\ndeux@ailleurs.fr"}, page=first)
    form["membres"] = "trois@ailleurs.fr"
    answer = at_home.post(link, form, page=first)
    assert answer.status_code == 422
    said = answer.text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "dans une autre fenêtre" in said
    assert "Membres enregistrés, absents ici : deux@ailleurs.fr, un@ailleurs.fr." in said
    assert "pas enregistrés : trois@ailleurs.fr." in said
    assert "trois@ailleurs.fr</textarea>" in said
    form["etat"] = at_home.field("etat")
    assert "deux@ailleurs.fr" in at_home.get(link).text
    at_home.post(link, form)
    assert "deux@ailleurs.fr" not in at_home.get(link).text


def test_an_owner_sees_whom_a_living_list_finds_as_far_as_they_may(
    house: House, visitor: Visitor, emma: Principal, pupil: Principal, at_school: Principal
) -> None:
    address = make(house, "lyceens", owners=(emma.address, at_school.address), query=QUERY)
    visitor.log_in(emma.login)
    visitor.get(f"/s/liste/{address}")
    assert "1\u202fpersonne" in visitor.text or "1 personne" in visitor.text
    assert pupil.address not in visitor.text, "pupils of a school are seen by their teachers only"
    visitor.post(
        f"/s/liste/{address}",
        {"faire": "garder", "requete": "role=teacher", "proprietaires": f"{emma.address},{at_school.address}"},
    )
    entry = house.store.read_now(lists.get, address)
    assert entry is not None
    assert entry.query == QUERY, "only administrators say whom it finds"
    other = house.visitor()
    other.log_in(at_school.login)
    other.get(f"/s/liste/{address}")
    assert pupil.address in other.text


def test_an_administrator_elsewhere_stands_in_for_no_owner(
    house: House, visitor: Visitor, admin: Principal, marc: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`[web] admin_networks` kept the console shut, and left lists open to whoever had an administrator's session."""
    theirs, own = make(house, "d-autrui", owners=(marc.address,)), make(house, "de-ada", owners=(admin.address,))
    visitor.log_in(admin.login)
    assert visitor.get(f"/s/liste/{theirs}").status_code == 200
    page = visitor.text
    monkeypatch.setattr(administrators, "is_near", lambda _settings, _peer: False)
    for path in (f"/s/liste/{theirs}", f"/s/liste/{theirs}/attente", f"/s/liste/{theirs}/messages", "/s/liste"):
        assert visitor.get(path).status_code == 404, path
    assert visitor.post(f"/s/liste/{theirs}", {"faire": "supprimer", "confirme": "1"}, page).status_code == 404
    assert house.store.read_now(lists.get, theirs) is not None
    assert own in visitor.get("/s/listes").text
    assert theirs not in visitor.text
    assert visitor.get(f"/s/liste/{own}").status_code == 200


def test_an_owner_counts_nobody_by_a_query_of_their_own(house: House, visitor: Visitor, pupil: Principal) -> None:
    """Only the administration says whom a query finds; whoever looks after a list learned how many answer to any."""
    address = make(house, "club-echecs", owners=(pupil.address,), query="role=admin uai=9999999Z")
    visitor.log_in(pupil.login, interface="complet")
    visitor.get(f"/m/liste/{address}")
    composed = {"c_role": "pupil", "c_uai": UAI, "faire": "composer"}
    assert "0 personne" in visitor.post(f"/m/liste/{address}", composed).text
    assert QUERY not in visitor.text


def test_an_administrator_previews_then_makes_a_living_list(
    house: House, visitor: Visitor, admin: Principal, pupil: Principal
) -> None:
    visitor.log_in(admin.login)
    visitor.get("/m/liste")
    form = {"adresse": "tous.eleves", "nom": "Élèves", "requete": QUERY.replace("pupil", "élève"), "qui": "staff"}
    visitor.post("/m/liste", {**form, "faire": "apercu"})
    assert pupil.address in visitor.text
    assert "rien n’est encore enregistré" in visitor.text
    assert house.store.read_now(lists.get, f"tous.eleves@{DOMAIN}") is None
    visitor.post("/m/liste", {**form, "requete": "role=dragon", "faire": "garder"})
    assert "n’est pas comprise" in visitor.text
    visitor.post("/m/liste", {**form, "faire": "garder"})
    assert "Liste créée" in visitor.text
    entry = house.store.read_now(lists.get, f"tous.eleves@{DOMAIN}")
    assert entry is not None
    assert (entry.query, entry.writers) == (QUERY, Writers.STAFF)
    visitor.post(f"/m/liste/{entry.address}", {"faire": "supprimer", "confirme": "1"})
    assert "Liste supprimée" in visitor.text


# ---------------------------------------------------------------------- moderation


def test_the_queue_is_decided_by_an_owner(house: House, at_home: Visitor, emma: Principal, marc: Principal) -> None:
    address = make(house, "debat", owners=(emma.address,), members=(marc.address,), moderated=True)
    first, second = hold(house, address, "Accepte-moi"), hold(house, address, "Refuse-moi")
    before = len(house.subjects(marc, "INBOX"))
    at_home.get(f"/s/liste/{address}/attente")
    assert "Accepte-moi" in at_home.text
    at_home.post(f"/s/liste/{address}/attente", {"faire": "accepter", "message": str(first)})
    assert "Message envoyé à la liste" in at_home.text
    assert house.subjects(marc, "INBOX")[before:] == ["Accepte-moi"]
    at_home.post(f"/s/liste/{address}/attente", {"faire": "accepter", "message": str(first)})
    assert "déjà décidé" in at_home.text
    at_home.post(f"/s/liste/{address}/attente", {"faire": "refuser", "message": str(second), "motif": "non"})
    assert "Message refusé" in at_home.text
    assert "Aucun message n’attend" in at_home.text


def test_a_message_of_another_list_cannot_be_decided_here(
    house: House, at_home: Visitor, emma: Principal, marc: Principal
) -> None:
    mine = make(house, "mienne", owners=(emma.address,), members=(marc.address,), moderated=True)
    other = make(house, "autre", owners=(marc.address,), members=(marc.address,), moderated=True)
    number = hold(house, other, "Ailleurs")
    at_home.get(f"/s/liste/{mine}")
    at_home.post(f"/s/liste/{mine}/attente", {"faire": "refuser", "message": str(number)})
    assert "déjà décidé" in at_home.text
    assert house.store.read_now(moderation_queue.get, number) is not None


def test_the_link_decides_without_a_login_and_looking_changes_nothing(
    house: House, visitor: Visitor, emma: Principal, marc: Principal
) -> None:
    address = make(house, "debat", owners=(emma.address,), members=(marc.address,), moderated=True)
    number = hold(house, address, "Par le lien")
    text = house.octets(emma, "INBOX").replace(b"=\r\n", b"").decode("latin-1")
    found = re.search(r"(/moderation/[0-9a-f]{40})", text)
    assert found
    for _ in range(2):
        assert visitor.get(found[1]).status_code == 200
        assert "Par le lien" in visitor.text
    assert house.store.read_now(moderation_queue.get, number) is not None
    assert visitor.http.post(found[1], data={"faire": "accepter"}).status_code == 403, "no mark, no deed"
    visitor.get(found[1])
    visitor.post(found[1], {"faire": "accepter"})
    assert "envoyé à la liste" in visitor.text
    assert house.subjects(marc, "INBOX")[-1] == "Par le lien"
    assert visitor.get(found[1]).status_code == 404
    assert visitor.get("/moderation/" + "0" * 40).status_code == 404


def link_in(house: House, owner: Principal) -> str:
    """The link of the newest message in an owner's mailbox."""
    text = house.octets(owner, "INBOX").replace(b"=\r\n", b"").decode("latin-1")
    found = re.search(r"(/moderation/[0-9a-f]{40})", text)
    assert found
    return found[1]


def test_enter_behind_the_reason_of_a_refusal_refuses(house: House, at_home: Visitor, emma: Principal) -> None:
    """Not: sends the message to the whole list. On the page of an owner, and behind the link in their mail."""
    address = make(house, "debat", owners=(emma.address,), members=(emma.address,), moderated=True)
    hold(house, address, "Hors sujet")
    link = link_in(house, emma)
    for page in (f"/s/liste/{address}/attente", f"/m/liste/{address}/attente", link):
        assert pressed_by_enter(at_home.get(page).text, "motif") == "refuser", page
    deed = {"faire": pressed_by_enter(at_home.text, "motif"), "motif": "hors sujet"}
    assert "Le message est refusé" in at_home.post(link, deed).text


def test_the_link_of_a_former_owner_opens_nothing_and_the_record_names_who_decided(
    house: House, visitor: Visitor, emma: Principal, marc: Principal
) -> None:
    address = make(house, "duo", owners=(emma.address, marc.address), members=(marc.address,), moderated=True)
    number = hold(house, address, "À deux")
    hers, his = link_in(house, emma), link_in(house, marc)
    page = visitor.get(his).text
    where, left = rosters.ListSettings.of(house.settings), ListChange(owners=(emma.address,))
    house.store.write_now(rosters.change, where, address, left, ORIGIN)
    assert visitor.get(his).status_code == 404
    assert "il n’est plus à vous" in visitor.text
    visitor.post(his, {"faire": "accepter"}, page=page)
    assert house.store.read_now(moderation_queue.get, number) is not None
    visitor.get(hers)
    visitor.post(hers, {"faire": "accepter"})
    assert "envoyé à la liste" in visitor.text
    event = house.store.read_now(audit.find, audit.Wanted(action=Action.LIST_CHANGED), 1)[0]
    assert (event.actor, event.service) == (emma.login, "link")


def test_a_message_whose_author_was_suspended_is_sent_by_no_link(
    house: House, visitor: Visitor, emma: Principal, marc: Principal
) -> None:
    author = house.person("Anne", "Onyme")
    address = make(house, "seul", owners=(emma.address,), members=(marc.address,), moderated=True)
    octets = mail("Avant la suspension", sender=author.address, to=address)
    house.run(house.submission.submit(author, author.address, (address,), octets))
    link = link_in(house, emma)
    house.store.write_now(accounts.suspend, author.account_id, "test", True)
    visitor.get(link)
    assert visitor.post(link, {"faire": "accepter"}).status_code == 422
    assert "ne peut plus écrire" in visitor.text
    assert "Avant la suspension" not in house.subjects(marc, "INBOX")


# ---------------------------------------------------------------------- rules


def test_a_rule_is_told_in_the_readers_language(house: House, visitor: Visitor, pupil: Principal) -> None:
    house.store.write_now(rules.set_table, ORIGIN, "pupils-inside", PRESETS["pupils-inside"])
    try:
        visitor.log_in(pupil.login)
        for lang, sentence in (
            ("fr", "ne peuvent pas écrire à l’extérieur"),
            ("en", "may not write to people outside"),
        ):
            visitor.get(f"/s/ecrire?lang={lang}")
            visitor.post(
                f"/s/ecrire?lang={lang}",
                {"a": "x@ailleurs.fr", "objet": "s", "texte": "t", **sending(visitor)},
            )
            assert sentence in visitor.text
    finally:
        house.store.write_now(rules.set_table, ORIGIN, "open", ())


# ---------------------------------------------------------------------- in Chromium


@pytest.mark.needs("chromium")
def test_lists_without_javascript(house: House, chromium: Browser, emma: Principal, marc: Principal) -> None:
    """Make a list, write to it by its name, delete it."""
    with visiting(chromium, size="telephone") as watched:
        page = watched.page
        log_in(page, house, emma.login, at="/s/listes")
        page.fill("#nom", "Randonnée")
        page.fill("#membres", "Marc Martin")
        page.get_by_role("button", name="Créer la liste").click()
        expect(page.locator("#annonce")).to_contain_text("Liste créée")
        watched.picture("listes-1")
        page.get_by_role("link", name="Écrire Randonnée").click()
        page.fill("#objet", "Dimanche")
        page.fill("#texte", "À dimanche.")
        page.get_by_role("button", name="Envoyer").click()
        expect(page.locator("#annonce")).to_contain_text("Message envoyé")
        assert house.subjects(marc, "INBOX")[-1] == "Dimanche"
        page.goto(f"{house.url}/s/listes")
        page.get_by_role("link", name="Randonnée", exact=True).click()
        page.check("#confirme")
        page.get_by_role("button", name="Supprimer la liste").click()
        expect(page.locator("#annonce")).to_contain_text("Liste supprimée")
        assert watched.complaints == []


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("size", list(SIZES))
def test_list_pages_are_accessible_and_fit(
    house: House, chromium: Browser, admin: Principal, marc: Principal, pupil: Principal, size: str
) -> None:
    number = house.store.write_now(personal_lists.create, admin.account_id, f"Liste {size}", ["amie@ailleurs.fr"])
    moderated = make(house, "debat2", owners=(admin.address,), members=(marc.address,), moderated=True)
    living = make(house, "vivante", owners=(admin.address,), query=QUERY)
    for archive in ("members", "academy"):
        shown = {"archive": archive, "digest": 1}
        house.store.write_now(
            lists.change, make(house, f"recue-{archive}", name="Équipe", members=(admin.address,)), shown
        )
    hold(house, moderated, f"Un long sujet qui demande une décision {size}")
    notice = house.octets(admin, "INBOX").replace(b"=\r\n", b"").decode("latin-1")
    found = re.search(r"(/moderation/[0-9a-f]{40})", notice)
    assert found
    paths = {
        "listes": "/s/listes",
        "listes-recues": "/m/listes/recues",
        "liste-a-soi": f"/s/listes/{number}",
        "liste-neuve": "/s/liste",
        "liste-vivante": f"/m/liste/{living}",
        "liste-moderee": f"/s/liste/{moderated}",
        "attente": f"/s/liste/{moderated}/attente",
        "moderation": found[1],
    }
    with visiting(chromium, size=size, script=True, bypass_csp=True) as watched:
        page = watched.page
        let_in(page, house, admin.login)
        faults: dict[str, list[str]] = {}
        for name, path in paths.items():
            page.goto(f"{house.url}{path}")
            watched.picture(f"{name}-{size}")
            faults[name] = faults_of(page)
        assert {name: found for name, found in faults.items() if found} == {}
