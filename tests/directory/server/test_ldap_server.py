"""The embedded LDAP door, seen by OpenLDAP's clients and by ldap3."""

from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest
from ldap3.core.exceptions import LDAPExceptionError

from directory.entries.tree import PERSON_CLASSES
from directory.lists import rosters
from directory.server import answer, session
from directory.server.wire import ber, messages
from directory.server.wire.filters import Equality, Filter
from mailserver.model.identity import Principal, Role
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Tx
from tests.directory.server.door import (
    ADMIN,
    ADMIN_PASSWORD,
    BASE,
    PASSWORD,
    SCHOOL,
    Academy,
    academy,
    names_of,
    receive,
)
from tests.directory.server.test_ldap_messages import write_filter

pytestmark = pytest.mark.needs("ldapsearch")

DUPONT = f"uid=edupont,ou=people,{BASE}"
KACI = f"uid=skaci,ou=people,{BASE}"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Academy]:
    """Emma Dupont and Hélène Müller teach, Sarah Kaci learns; one teacher is hidden, one account closed."""
    with academy(tmp_path_factory.mktemp("door"), sqlite_template) as running:
        dupont = running.add(
            "Emma", "Dupont", numen="21E2600123ABC", birth_date="1980-01-31", uai=SCHOOL, discipline="Maths"
        )
        kaci = running.add("Sarah", "Kaci", Role.PUPIL, ine="123456789AB", uai=SCHOOL)
        running.add("Hélène", "Müller", Role.STAFF, uai=SCHOOL)
        running.activate(dupont)
        running.activate(kaci)
        running.hide(running.add("Paul", "Caché"))
        closed = running.add("Guy", "Parti")
        running.run(running.store.write(accounts.close, closed.account_id, "retired"))
        running.name_school(SCHOOL, "Lycée Carnot")
        running.run(running.store.write(_make_list))
        yield running


@pytest.fixture(autouse=True)
def clients(door: Academy) -> Iterator[None]:
    yield
    door.hang_up()


def _make_list(tx: Tx) -> None:
    members = ["emma.dupont@ac-exemple.fr", "skaci@ac-exemple.fr", "ext@ailleurs.example"]
    rosters.create(tx, "profs.maths@ac-exemple.fr", "Professeurs de maths", "edupont@ac-exemple.fr", members)
    rosters.create(tx, "vide@ac-exemple.fr", "Liste vide", "", [])


# ---------------------------------------------------------------------------- who one is


def test_who_am_i(door: Academy) -> None:
    assert door.tool("ldapwhoami").stdout == f"dn:{ADMIN}\n"
    assert door.tool("ldapwhoami", user=DUPONT, password=PASSWORD).stdout == f"dn:{DUPONT}\n"
    assert door.tool("ldapwhoami", user="").stdout == "anonymous\n"


@pytest.mark.parametrize("name", ["edupont", "EDupont@ac-exemple.fr", "emma.dupont@ac-exemple.fr", DUPONT.upper()])
def test_every_name_of_a_person_binds(door: Academy, name: str) -> None:
    assert door.tool("ldapwhoami", user=name, password=PASSWORD).stdout == f"dn:{DUPONT}\n"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (DUPONT, "wrong"),
        (ADMIN, "wrong"),
        (f"uid=nobody,ou=people,{BASE}", PASSWORD),
        (f"ou=people,{BASE}", PASSWORD),
        ("uid=edupont,ou=people,dc=elsewhere", PASSWORD),
        (DUPONT, "21E2600123ABC"),
    ],
)
def test_a_failed_bind_says_nothing_more(door: Academy, user: str, password: str) -> None:
    done = door.tool("ldapwhoami", user=user, password=password)
    assert done.returncode == 49
    assert done.stderr == "ldap_bind: Invalid credentials (49)\n"


def test_a_bind_without_password_is_no_success(door: Academy) -> None:
    assert door.tool("ldapwhoami", user=DUPONT, password="").returncode == 53


def test_bad_names_and_unknown_methods(door: Academy) -> None:
    assert door.tool("ldapwhoami", user="uid=,,", password="x").returncode == 34
    sasl = door.client(authentication=ldap3.SASL, sasl_mechanism="EXTERNAL", sasl_credentials=())
    assert sasl.bind()[1]["description"] == "authMethodNotSupported"
    old = door.client(ADMIN, ADMIN_PASSWORD, version=2)
    assert old.bind()[1]["description"] == "protocolError"


def test_suspended_and_waiting_accounts_do_not_bind(door: Academy) -> None:
    someone = door.add("Luc", "Suspendu")
    assert door.tool("ldapwhoami", user="lsuspendu", password=PASSWORD).returncode == 49
    door.activate(someone)
    assert door.tool("ldapwhoami", user="lsuspendu", password=PASSWORD).returncode == 0
    door.run(door.store.write(accounts.suspend, someone.account_id, "enquête", False))
    assert door.tool("ldapwhoami", user="lsuspendu", password=PASSWORD).returncode == 49


def test_a_suspension_ends_open_sessions(door: Academy) -> None:
    someone = door.add("Ines", "Brusque")
    door.activate(someone)
    connection = door.connect("ibrusque", PASSWORD)
    assert names_of(connection, "(uid=edupont)") == [DUPONT]
    door.run(door.store.write(accounts.suspend, someone.account_id, "", False))
    with pytest.raises(LDAPExceptionError):
        names_of(connection, "(uid=edupont)")


def test_a_failed_bind_leaves_one_anonymous(door: Academy) -> None:
    connection = door.connect(DUPONT, PASSWORD)
    connection.rebind(DUPONT, "wrong")
    _, result, _, _ = connection.search(BASE, "(uid=edupont)")
    assert result["description"] == "insufficientAccessRights"


def test_guessing_on_one_connection_ends_it(door: Academy) -> None:
    bind = ber.sequence((ber.integer(3), ber.octets(KACI), ber.octets("wrong", 0x80)), messages.Tag.BIND)
    with door.raw() as client:
        for number in range(1, session.MAX_FAILURES + 5):
            client.sendall(ber.sequence((ber.integer(number), bind)))
        answer = receive(client)
    assert answer.count(ber.integer(49, ber.ENUMERATED)) == session.MAX_FAILURES
    assert answer.endswith(messages.disconnection(messages.Code.UNAVAILABLE, "too many failed binds"))


# ---------------------------------------------------------------------------- TLS


def test_start_tls_and_ldaps(door: Academy) -> None:
    done = door.tool("ldapwhoami", "-ZZ", user=DUPONT, password=PASSWORD, url=door.url)
    assert done.stdout == f"dn:{DUPONT}\n", done.stderr
    done = door.tool("ldapwhoami", user=DUPONT, password=PASSWORD, url=door.tls_url)
    assert done.stdout == f"dn:{DUPONT}\n", done.stderr


def test_start_tls_forgets_who_one_was_and_happens_once(door: Academy) -> None:
    connection = door.connect()
    assert connection.start_tls(read_server_info=False)
    assert connection.extend.standard.who_am_i() is None
    _, result, _, _ = connection.extended("1.3.6.1.4.1.1466.20037")
    assert result["description"] == "operationsError"
    root = door.tool("ldapsearch", "-LLL", "-s", "base", "-b", "", "supportedExtension", url=door.tls_url)
    assert "1.3.6.1.4.1.1466.20037" not in root.stdout


# ---------------------------------------------------------------------------- root and schema


def test_strangers_see_the_root_and_the_schema_only(door: Academy) -> None:
    root = door.tool("ldapsearch", "-LLL", "-s", "base", "-b", "", "+", user="").stdout
    assert f"namingContexts: {BASE}\n" in root
    assert "supportedLDAPVersion: 3\n" in root
    assert "supportedControl: 1.2.840.113556.1.4.319\n" in root
    assert "supportedExtension: 1.3.6.1.4.1.1466.20037\n" in root
    assert "subschemaSubentry: cn=subschema\n" in root
    schema = door.tool(
        "ldapsearch", "-LLL", "-s", "base", "-o", "ldif-wrap=no", "-b", "cn=subschema", "attributeTypes", user=""
    )
    assert "acadAccountId" in schema.stdout
    refused = door.tool("ldapsearch", "-b", BASE, user="")
    assert refused.returncode == 50
    assert door.tool("ldapcompare", DUPONT, "uid:edupont", user="").returncode == 50


def test_ldap3_reads_our_schema(door: Academy) -> None:
    server = ldap3.Server(door.url, get_info=ldap3.ALL)
    connection = ldap3.Connection(server, ADMIN, ADMIN_PASSWORD)
    try:
        assert connection.bind()
        assert server.schema.attribute_types["acadUAI"].equality == ["caseIgnoreMatch"]
        assert server.schema.object_classes["inetOrgPerson"].superior == ["organizationalPerson"]
        assert server.schema.matching_rules["generalizedTimeOrderingMatch"].syntax == "1.3.6.1.4.1.1466.115.121.1.24"
        assert server.schema.matching_rules["integerOrderingMatch"].syntax == "1.3.6.1.4.1.1466.115.121.1.27"
        assert server.schema.matching_rules["uuidOrderingMatch"].syntax == "1.3.6.1.1.16.1"
        assert server.schema.matching_rules["caseIgnoreSubstringsMatch"].syntax == "1.3.6.1.4.1.1466.115.121.1.58"
        assert server.info.vendor_name == ["mailserver"]
        connection.search(BASE, "(uid=edupont)", attributes=["*", "+"])
        entry = connection.entries[0]
        assert entry.mail.values == ["emma.dupont@ac-exemple.fr", "edupont@ac-exemple.fr"]
        assert entry.acadAccountId.value == 1
    finally:
        connection.unbind()


# ---------------------------------------------------------------------------- search


def attributes_of(
    door: Academy, dn: str, *wanted: str, user: str = ADMIN, password: str = ADMIN_PASSWORD
) -> dict[str, list[str]]:
    connection = door.connect(user, password)
    _, result, response, _ = connection.search(dn, "(objectClass=*)", "BASE", attributes=list(wanted) or ["*"])
    assert result["result"] == 0, result
    return {name: [value.decode() for value in values] for name, values in response[0]["raw_attributes"].items()}


def test_a_person(door: Academy) -> None:
    assert attributes_of(door, DUPONT) == {
        "objectClass": list(PERSON_CLASSES),
        "uid": ["edupont"],
        "cn": ["Emma Dupont"],
        "sn": ["Dupont"],
        "givenName": ["Emma"],
        "displayName": ["Emma Dupont"],
        "mail": ["emma.dupont@ac-exemple.fr", "edupont@ac-exemple.fr"],
        "acadAddress": ["emma.dupont@ac-exemple.fr"],
        "employeeType": ["teacher"],
        "o": ["Lycée Carnot"],
        "acadUAI": [SCHOOL],
        "acadDiscipline": ["Maths"],
        "acadAccountId": ["1"],
        "acadState": ["active"],
        "eduPersonPrincipalName": ["edupont@ac-exemple.fr"],
        "eduPersonAffiliation": ["faculty", "employee", "member"],
        "eduPersonPrimaryAffiliation": ["faculty"],
        "eduPersonScopedAffiliation": [f"{one}@ac-exemple.fr" for one in ("faculty", "employee", "member")],
        "supannAliasLogin": ["edupont"],
        "supannListeRouge": ["FALSE"],
        "supannEtablissement": [f"{{UAI}}{SCHOOL}"],
        "supannEntiteAffectation": [f"{{UAI}}{SCHOOL}"],
        "supannEntiteAffectationPrincipale": [f"{{UAI}}{SCHOOL}"],
    }


def test_no_secret_is_anywhere_in_the_tree(door: Academy) -> None:
    everything = door.tool(
        "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", BASE, "*", "+", "userPassword"
    ).stdout.lower()
    for secret in ("21e2600123abc", "123456789ab", "1980", "argon2", "userpassword", "numen"):
        assert secret not in everything


def test_what_people_see_of_each_other_and_of_themselves(door: Academy) -> None:
    others = attributes_of(door, KACI, "*", "+", user=DUPONT, password=PASSWORD)
    own = attributes_of(door, DUPONT, "*", "+", user=DUPONT, password=PASSWORD)
    assert others["mail"] == ["sarah.kaci@ac-exemple.fr", "skaci@ac-exemple.fr"]
    assert not {"acadAccountId", "acadState", "createTimestamp"} & set(others)
    assert {"acadAccountId", "acadState", "createTimestamp"} <= set(own)


def test_filters_cannot_guess_at_what_is_hidden(door: Academy) -> None:
    connection = door.connect(DUPONT, PASSWORD)
    assert names_of(connection, "(&(uid=skaci)(acadState=active))") == []
    assert names_of(connection, "(&(uid=skaci)(!(acadState=active)))") == [KACI]
    assert names_of(connection, "(&(uid=skaci)(acadAccountId>=0))") == []
    _, result, _, _ = connection.compare(  # type: ignore[no-untyped-call]
        KACI, "acadState", "active"
    )
    assert result["description"] == "noSuchAttribute"


def test_hidden_people_and_closed_accounts_are_for_the_administrator(door: Academy) -> None:
    wanted = "(|(uid=pcache)(uid=gparti))"
    assert len(names_of(door.connect(), wanted)) == 2
    connection = door.connect(DUPONT, PASSWORD)
    assert names_of(connection, wanted) == []
    for login in ("pcache", "gparti"):
        _, result, _, _ = connection.search(f"uid={login},ou=people,{BASE}", "(objectClass=*)", "BASE")
        assert result["description"] == "noSuchObject"


def test_lists(door: Academy) -> None:
    dn = f"cn=profs.maths,ou=groups,{BASE}"
    assert attributes_of(door, dn) == {
        "objectClass": ["top", "groupOfNames", "acadList"],
        "cn": ["profs.maths"],
        "displayName": ["Professeurs de maths"],
        "mail": ["profs.maths@ac-exemple.fr"],
        "member": [DUPONT, KACI],
        "acadMemberAddress": ["ext@ailleurs.example"],
        "owner": [DUPONT],
    }
    assert attributes_of(door, f"cn=vide,ou=groups,{BASE}", "objectClass")["objectClass"][1] == "organizationalRole"
    assert "member" not in attributes_of(door, dn, user=DUPONT, password=PASSWORD)
    assert names_of(door.connect(), f"(member={KACI})") == [dn]
    assert names_of(door.connect(DUPONT, PASSWORD), f"(member={KACI})") == []


def test_scopes(door: Academy) -> None:
    connection = door.connect()
    branches = [
        f"ou={name},{BASE}" for name in ("people", "contacts", "structures", "groups", "disciplines", "functions")
    ]
    assert names_of(connection, "(objectClass=*)", scope := BASE, search_scope="BASE") == [scope]
    assert names_of(connection, "(objectClass=*)", search_scope="LEVEL") == [ADMIN, *branches]
    assert len(names_of(connection, "(objectClass=*)", branches[0], search_scope="LEVEL")) >= 5
    assert names_of(connection, "(objectClass=*)", branches[0])[0] == branches[0]
    assert names_of(connection, "(objectClass=*)", branches[2], search_scope="LEVEL") == [f"ou={SCHOOL},{branches[2]}"]
    assert names_of(connection, "(objectClass=*)", DUPONT) == [DUPONT]
    assert names_of(connection, "(objectClass=*)", DUPONT, search_scope="LEVEL") == []
    assert names_of(connection, "(uid=edupont)", "") == [DUPONT]
    assert names_of(connection, "(cn=subschema)", "cn=subschema", search_scope="SUBTREE") == ["cn=subschema"]
    assert names_of(connection, "(cn=subschema)", "cn=subschema", search_scope="LEVEL") == []


@pytest.mark.parametrize(
    ("base", "matched"),
    [
        (f"uid=nobody,ou=people,{BASE}", f"ou=people,{BASE}"),
        (f"uid=a,uid=edupont,ou=people,{BASE}", DUPONT),
        (f"cn=a,uid=nobody,ou=people,{BASE}", f"ou=people,{BASE}"),
        (f"cn=a,cn=profs.maths,ou=groups,{BASE}", f"cn=profs.maths,ou=groups,{BASE}"),
        (f"ou=nothing,{BASE}", BASE),
        ("dc=elsewhere", ""),
    ],
)
def test_no_such_object_says_how_far_the_name_went(door: Academy, base: str, matched: str) -> None:
    _, result, _, _ = door.connect().search(base, "(objectClass=*)")
    assert (result["description"], result["dn"]) == ("noSuchObject", matched)


def test_how_far_a_name_went_tells_nobody_of_the_hidden(door: Academy) -> None:
    below = f"cn=a,uid=pcache,ou=people,{BASE}"
    for user, password, matched in (
        (ADMIN, ADMIN_PASSWORD, f"uid=pcache,ou=people,{BASE}"),
        (KACI, PASSWORD, f"ou=people,{BASE}"),
    ):
        connection = door.connect(user, password)
        assert connection.search(below, "(objectClass=*)")[1]["dn"] == matched
        assert connection.compare(below, "cn", "a")[1]["dn"] == matched  # type: ignore[no-untyped-call]


def test_attribute_selection(door: Academy) -> None:
    assert set(attributes_of(door, DUPONT, "1.1")) == set()
    assert set(attributes_of(door, DUPONT, "MAIL", "surname", "2.5.4.3", "nothing", "cn;lang-fr")) == {
        "mail",
        "sn",
        "cn",
    }
    assert set(attributes_of(door, DUPONT, "name")) == {"cn", "sn", "givenName", "o"}
    operational = set(attributes_of(door, DUPONT, "+"))
    assert operational == {
        *("entryDN", "entryUUID", "structuralObjectClass", "hasSubordinates", "subschemaSubentry"),
        *("createTimestamp", "modifyTimestamp"),
    }
    assert set(attributes_of(door, DUPONT, "*", "entryDN")) == set(attributes_of(door, DUPONT)) | {"entryDN"}


def test_types_only(door: Academy) -> None:
    _, _, response, _ = door.connect().search(DUPONT, "(objectClass=*)", attributes=["cn", "mail"], types_only=True)
    assert set(response[0]["raw_attributes"]) == {"cn", "mail"}
    assert not any(response[0]["raw_attributes"].values())


def test_compare(door: Academy) -> None:
    assert door.tool("ldapcompare", DUPONT, "mail:EDUPONT@ac-exemple.fr").stdout == "TRUE\n"
    assert door.tool("ldapcompare", DUPONT, "cn:Emma").stdout == "FALSE\n"
    assert door.tool("ldapcompare", DUPONT, "description:x").returncode == 16
    assert door.tool("ldapcompare", DUPONT, "nothing:x").returncode == 17
    assert door.tool("ldapcompare", DUPONT, "acadAccountId:x").returncode == 21
    assert door.tool("ldapcompare", DUPONT, "userPassword:x").returncode == 16
    assert door.tool("ldapcompare", f"uid=nobody,ou=people,{BASE}", "cn:x").returncode == 32
    assert door.tool("ldapcompare", "nonsense", "cn:x").returncode == 34
    for stranger in ("", ADMIN):
        assert door.tool("ldapcompare", "", "supportedLDAPVersion:3", user=stranger).stdout == "TRUE\n"
        assert door.tool("ldapcompare", "cn=subschema", "cn:x", user=stranger).stdout == "FALSE\n"


def test_an_assertion_is_of_the_base_of_a_search(door: Academy) -> None:
    """RFC 4528 section 3: nothing is found where it does not hold; who may not read an attribute learns nothing."""
    people, assertion = f"ou=people,{BASE}", "1.3.6.1.1.12"

    def found(user: str, base: str, wanted: Filter) -> tuple[str, int]:
        control = [(assertion, True, write_filter(wanted))]
        connection = door.connect(user, ADMIN_PASSWORD if user == ADMIN else PASSWORD)
        _, result, response, _ = connection.search(base, "(uid=edupont)", controls=control)
        return result["description"], len(response)

    assert found(KACI, people, Equality("ou", b"People")) == ("success", 1)
    assert found(KACI, people, Equality("ou", b"groups")) == ("assertionFailed", 0)
    assert found(KACI, DUPONT, Equality("sn", b"dupont")) == ("success", 1)
    assert found(KACI, "cn=subschema", Equality("cn", b"x")) == ("assertionFailed", 0)
    assert found(ADMIN, DUPONT, Equality("acadAccountId", b"1")) == ("success", 1)
    assert found(KACI, DUPONT, Equality("acadAccountId", b"1")) == ("assertionFailed", 0)
    malformed = door.connect().search(people, "(uid=edupont)", controls=[(assertion, True, b"x")])
    assert malformed[1]["description"] == "protocolError"


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("ldapdelete", [KACI]),
        ("ldapmodrdn", [KACI, "uid=other"]),
        ("ldappasswd", ["-s", "Else#where2026", KACI]),
    ],
)
def test_people_write_nothing_of_others(door: Academy, program: str, arguments: list[str]) -> None:
    for user, password in ((DUPONT, PASSWORD), ("", "")):
        done = door.tool(program, *arguments, user=user, password=password)
        assert done.returncode != 0
        assert "(50)" in done.stdout + done.stderr


def test_controls(door: Academy) -> None:
    connection = door.connect()
    unknown = ("1.2.3.4", True, None)
    _, result, _, _ = connection.search(DUPONT, "(objectClass=*)", controls=[unknown])
    assert result["description"] == "unavailableCriticalExtension"
    _, result, _, _ = connection.search(DUPONT, "(objectClass=*)", controls=[("1.2.3.4", False, None)])
    assert result["description"] == "success"
    _, result, _, _ = connection.search(DUPONT, "(objectClass=*)", controls=[("2.16.840.1.113730.3.4.2", True, None)])
    assert result["description"] == "success"
    _, result, _, _ = connection.compare(  # type: ignore[no-untyped-call]
        DUPONT, "cn", "x", controls=[("1.2.840.113556.1.4.319", True, b"")]
    )
    assert result["description"] == "unavailableCriticalExtension"
    _, result, _, _ = connection.search(DUPONT, "(objectClass=*)", controls=[("1.2.840.113556.1.4.319", True, b"x")])
    assert result["description"] == "protocolError"
    _, result, _, _ = connection.extended("1.2.3.4")
    assert result["description"] == "protocolError"


# ---------------------------------------------------------------------------- limits and pages


@pytest.fixture(scope="module")
def crowd(door: Academy) -> list[Principal]:
    """Homonyms enough for several pages."""
    return [door.add("Jean", "Foule", Role.STAFF) for _ in range(25)]


@pytest.mark.parametrize("size", [1, 7, 25, 100])
def test_paged_results(door: Academy, crowd: list[Principal], size: int) -> None:
    connection = door.connect(DUPONT, PASSWORD)
    cookie, found, pages = b"", [], 0
    while True:
        _, result, response, _ = connection.search(
            BASE, "(sn=foule)", attributes=["uid"], paged_size=size, paged_cookie=cookie
        )
        assert result["result"] == 0
        found += [item["raw_attributes"]["uid"][0].decode() for item in response]
        pages += 1
        cookie = result["controls"]["1.2.840.113556.1.4.319"]["value"]["cookie"]
        if not cookie:
            break
    assert found == [one.login for one in crowd]
    assert pages == -(-25 // size)


def test_pages_by_ldapsearch_cover_the_whole_tree(door: Academy, crowd: list[Principal]) -> None:
    whole = door.tool("ldapsearch", "-LLL", "-b", BASE, "1.1").stdout
    paged = door.tool("ldapsearch", "-LLL", "-E", "pr=3/noprompt", "-b", BASE, "1.1").stdout
    assert whole.count("dn: ") > 30
    assert [line for line in paged.splitlines() if line.startswith("dn: ")] == whole.split("\n\n")[:-1]


def test_a_cookie_is_good_for_its_own_search_only(door: Academy, crowd: list[Principal]) -> None:
    connection = door.connect()
    _, result, _, _ = connection.search(BASE, "(sn=foule)", paged_size=2)
    cookie = result["controls"]["1.2.840.113556.1.4.319"]["value"]["cookie"]
    for wanted, given in (("(sn=f*)", cookie), ("(sn=foule)", cookie[:-1] + b"x"), ("(sn=foule)", b"\xff" * 9)):
        _, result, _, _ = connection.search(BASE, wanted, paged_size=2, paged_cookie=given)
        assert result["description"] == "unwillingToPerform"
    _, result, response, _ = connection.search(BASE, "(sn=foule)", paged_size=0, paged_cookie=cookie)
    assert (result["result"], response) == (0, [])


def test_size_limit_of_the_client(door: Academy, crowd: list[Principal]) -> None:
    _, result, response, _ = door.connect().search(BASE, "(sn=foule)", size_limit=10)
    assert (result["description"], len(response)) == ("sizeLimitExceeded", 10)
    _, result, response, _ = door.connect().search(BASE, "(sn=foule)", size_limit=25)
    assert (result["description"], len(response)) == ("success", 25)


def test_size_and_time_limits_of_the_server(
    door: Academy, crowd: list[Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "SIZE_LIMIT", 20)
    _, result, response, _ = door.connect(DUPONT, PASSWORD).search(BASE, "(sn=foule)")
    assert (result["description"], len(response)) == ("sizeLimitExceeded", 20)
    assert len(names_of(door.connect(), "(sn=foule)")) == 25
    monkeypatch.setattr(answer, "TIME_LIMIT", 0.0)
    _, result, _, _ = door.connect(DUPONT, PASSWORD).search(BASE, "(sn=foule)")
    assert result["description"] == "timeLimitExceeded"
