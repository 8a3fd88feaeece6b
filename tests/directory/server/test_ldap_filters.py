"""Filters find the same entries in our server and in OpenLDAP: a corpus, and filters made at random.

The entries are ours, dumped with ldapsearch and loaded into a real slapd with ldapadd, which also shows
that every entry obeys the schema.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ldap3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ldap3.utils.conv import escape_filter_chars
from sqlalchemy import update

from directory.entries import tree
from directory.lists import rosters
from directory.schema import names, schema
from mailserver.model.identity import Affiliation, ListKind, Role, Tie
from mailserver.store.engine.transactions import Tx
from mailserver.store.people import affiliations, contacts, people, schools, vocabulary_entries
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.schools import Facts
from mailserver.store.schema.account.accounts import account
from tests.directory import slapd as openldap
from tests.directory.server.door import BASE, SCHOOL, Academy, academy
from tests.directory.slapd import Slapd
from tests.examples import examples

Scope = Literal["BASE", "LEVEL", "SUBTREE"]

pytestmark = pytest.mark.needs("slapd", "ldapsearch", "ldapadd")

PEOPLE = [
    ("Emma", "Dupont", Role.TEACHER, SCHOOL, "Mathématiques"),
    ("Émile", "Dupont", Role.TEACHER, "0580001A", "Physique-chimie"),
    ("Hélène", "Müller", Role.STAFF, SCHOOL, ""),
    ("Marc", "Le Dupond", Role.TEACHER, "", "Lettres"),
    ("Jean-Pierre", "d'Hérouville", Role.SECRETARIAT, SCHOOL, ""),
    ("Sarah", "Kaci", Role.PUPIL, SCHOOL, ""),
    ("Loïc", "Œuvrard", Role.PUPIL, "", ""),
    ("Ana (dite Nina)", "O*Brien", Role.TEACHER, "", "Anglais \\ espagnol"),
    ("Ulla", "Strauß", Role.TEACHER, "", "Allemand"),
    ("", "Mononyme", Role.STAFF, "", ""),
    ("Prénom", "", Role.STAFF, "", ""),
    ("Paul  ", "  Double   Espace ", Role.STAFF, "", "a, b + c = d"),
]


@dataclass(frozen=True, slots=True)
class Both:
    """The same tree twice."""

    door: Academy
    ours: ldap3.Connection
    theirs: ldap3.Connection

    def found(self, wanted: str, base: str = BASE, scope: Scope = "SUBTREE") -> tuple[set[names.Name], set[names.Name]]:
        """Names that each server finds."""
        return _found(self.ours, wanted, base, scope), _found(self.theirs, wanted, base, scope)


def _found(connection: ldap3.Connection, wanted: str, base: str, scope: Scope) -> set[names.Name]:
    _, result, response, _ = connection.search(base, wanted, scope, attributes=["1.1"])
    assert result["result"] == 0, (wanted, result)
    return {names.comparable(names.parse(item["dn"])) for item in response}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    with academy(folder / "ours", sqlite_template) as door:
        _fill(door)
        dump = door.tool("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", BASE).stdout
        slapd = Slapd(folder / "theirs")
        slapd.prepare()
        slapd.start()
        try:
            slapd.add(dump)
            theirs = ldap3.Connection(
                ldap3.Server(slapd.url, get_info=ldap3.NONE),
                openldap.ADMIN,
                openldap.PASSWORD,
                client_strategy=ldap3.SAFE_SYNC,
                check_names=False,
            )
            assert theirs.bind()[0]
            yield Both(door, door.connect(), theirs)
            theirs.unbind()
            door.hang_up()
        finally:
            slapd.stop()


OTHER = "0580001A"
TIES = {
    "edupont": (
        Affiliation(Tie.FUNCTION, "ENS", SCHOOL, "Enseignement"),
        Affiliation(Tie.DISCIPLINE, "L1300", SCHOOL, "Mathématiques"),
        Affiliation(Tie.CLASS, "4B", SCHOOL, "Quatrième B"),
        Affiliation(Tie.CLASS, "TS É", SCHOOL),
        Affiliation(Tie.SCHOOL, OTHER, OTHER),
    ),
    "hmuller": (Affiliation(Tie.FUNCTION, "ADM"), Affiliation(Tie.FUNCTION, "DIR", OTHER)),
    "skaci": (Affiliation(Tie.CLASS, "4B", SCHOOL), Affiliation(Tie.GROUP, "4B", SCHOOL, "Groupe B, latin")),
}
EXTRA = {
    "telephoneNumber": ("+33 3 80 00 00 01", "0380-000002"),
    "title": ("Professeure principale",),
    "labeledURI": ("https://ac-exemple.fr/Emma",),
    "preferredLanguage": ("fr",),
    "seeAlso": (f"uid=skaci,ou=people,{BASE}",),
    "jpegPhoto": (schema.as_text(b"\xff\xd8\xff\xe0 not quite a photograph \x00\x01"),),
}
CONTACTS = {
    "cn=Zoé Martin,ou=contacts": {"cn": ["Zoé Martin"], "sn": ["Martin"], "mail": ["zoe@ailleurs.example"]},
    "uid=invite,ou=people": {"uid": ["invite"], "cn": ["Invité"], "sn": ["Dupont"], "mobile": ["06 00 00 00 00"]},
}


def _fill(door: Academy) -> None:
    for given_name, surname, role, uai, discipline in PEOPLE:
        title = "Mme" if given_name in ("Emma", "Hélène") else ""
        door.add(given_name, surname, role, uai=uai, discipline=discipline, title=title)
    lycee = Facts(SCHOOL, "Lycée Sadi Carnot", "LYC", "PU", "16 bd Thiers", "21000", "Dijon", "03 80 68 00 00")
    door.run(door.store.write(schools.upsert, [lycee]))
    door.run(door.store.write(_more))


def _more(tx: Tx) -> None:
    """Affiliations, terms, further attributes, a planned closing, contacts, lists and a functional box."""
    for login, ties in TIES.items():
        entry = people.find(tx, login)
        assert entry is not None
        affiliations.replace(tx, entry.account_id, ties)
        vocabulary_entries.ensure_many(tx, vocabulary_entries.terms_of(ties))
    emma, loic = people.find(tx, "edupont"), people.find(tx, "loeuvrard")
    assert emma is not None
    assert loic is not None
    people.change_entry(tx, emma.account_id, {"extra": tree.dump_extra(EXTRA)})
    people.change_entry(tx, loic.account_id, {"hidden": 1})
    helene = people.find(tx, "hmuller")
    assert helene is not None
    given: dict[str, str | int] = {"display_name": "Mme Müller-Noël", "common_names": "MÜLLER Hélène\nHélène  Noël"}
    people.change_entry(tx, helene.account_id, given)
    tx.execute(update(account).where(account.c.id == loic.account_id).values(close_at=1_830_000_000))
    for below, attributes in CONTACTS.items():
        key = names.write(names.comparable(names.parse(below)))
        contacts.add(tx, key, below, {"objectClass": ["inetOrgPerson"], **attributes})
    _lists(tx)


def _lists(tx: Tx) -> None:
    members = ["edupont@ac-exemple.fr", "ext@ailleurs.example"]
    rosters.create(tx, "profs@ac-exemple.fr", "Tous les profs", "edupont@ac-exemple.fr", members)
    rosters.create(tx, "ce.0210006t@ac-exemple.fr", "Collège", "", [])
    lists.change(tx, "ce.0210006t@ac-exemple.fr", {"kind": ListKind.FUNCTION.value, "uai": SCHOOL})
    rosters.create(tx, "maths@ac-exemple.fr", "Profs de maths", "edupont@ac-exemple.fr", [])
    query: dict[str, str | int] = {"kind": ListKind.LIVING.value, "query": "discipline~math*", "moderated": 1}
    lists.change(tx, "maths@ac-exemple.fr", query)


CORPUS = [
    # names that were given instead of those that follow
    *("(cn=hélène müller)", "(cn=müller hélène)", "(cn=*Noël)", "(cn=H*n*e*)", "(cn~=helene noel)", "(name=*noël*)"),
    *("(displayName=mme müller-noël)", "(displayName=Mme*)", "(displayName~=mme muller-noel)", "(!(cn=hélène noël))"),
    *("(cn>=n)", "(displayName<=n)", "(cn:caseIgnoreMatch:=hélène noël)", "(cn:caseExactMatch:=Hélène Noël)"),
    # presence, equality, case, spaces
    *("(objectClass=*)", "(cn=*)", "(givenName=*)", "(acadUAI=*)", "(telephoneNumber=*)", "(!(telephoneNumber=*))"),
    *("(uid=edupont)", "(uid=EDUPONT)", "(uid= edupont )", "(uid=nobody)", "(UserID=edupont)"),
    *("(cn=emma dupont)", "(cn=emma   DUPONT)", "(cn=emma)", "(sn=dupont)", "(surname=Dupont)", "(2.5.4.4=dupont)"),
    *("(mail=EDUPONT@AC-EXEMPLE.FR)", "(mail=emma.dupont@ac-exemple.fr)", "(mail=hélène@ac-exemple.fr)"),
    *("(acadUAI=0210006t)", "(acadAccountId=1)", "(acadAccountId=01)", "(acadAccountId=x)", "(employeeType=teacher)"),
    *("(sn=Müller)", "(sn=MÜLLER)", "(sn=Mu\\cc\\88ller)", "(sn=Muller)", "(givenName=hélène)", "(sn=œuvrard)"),
    *(
        "(sn=double espace)",
        "(acadDiscipline=anglais \\5c espagnol)",
        "(sn=o\\2abrien)",
        "(cn=Ana \\28dite Nina\\29 O\\2aBrien)",
    ),
    *("(acadDiscipline=a, b \\2b c = d)", "(sn=)", "(cn=\\00)", "(sn=\\ff)", "(mail=\\ff)"),
    # object classes
    *("(objectClass=inetOrgPerson)", "(objectClass=PERSON)", "(objectClass=2.5.6.6)", "(objectClass=groupOfNames)"),
    *(
        "(objectClass=acadList)",
        "(objectClass=organizationalUnit)",
        "(objectClass=nothing)",
        "(!(objectClass=nothing))",
    ),
    *("(objectClass=1.2.3.4)", "(objectClass=dcObject)"),
    # substrings
    *(
        "(sn=du*)",
        "(sn=*ont)",
        "(sn=d*t)",
        "(sn=*upo*)",
        "(sn=d*p*n*t)",
        "(sn=dupont*dupont)",
        "(sn=*d*d*)",
        "(uid=*pon*)",
    ),
    *("(cn=*e d*)", "(cn=* *)", "(cn=emma *)", "(cn=* dupont)", "(mail=e*)", "(mail=*@ac-exemple.fr)", "(mail=*é*)"),
    *(
        "(sn=*\\2a*)",
        "(cn=*\\28*\\29*)",
        "(cn=*_*)",
        "(cn=*%*)",
        "(acadUAI=021*)",
        "(acadAccountId=1*)",
        "(objectClass=inet*)",
    ),
    *(
        "(sn=*MÜ*)",
        "(sn=mü*er)",
        "(givenName=*é*)",
        "(name=*dup*)",
        "(member=uid*)",
        "(sn=*  *)",
        "(sn= du*)",
        "(sn=*t )",
    ),
    # ordering
    *("(acadAccountId>=3)", "(acadAccountId<=3)", "(acadAccountId>=10)", "(acadAccountId<=9)", "(acadAccountId>=x)"),
    *("(sn>=d)", "(!(sn>=d))", "(acadUAI>=0)", "(cn<=z)", "(acadAccountId>=-5)", "(!(acadAccountId>=3))"),
    # supertypes, unknown attributes, options
    *("(name=emma)", "(name=people)", "(name=Lycée Sadi Carnot)", "(nothing=x)", "(!(nothing=x))", "(nothing=*)"),
    *("(!(nothing=*))", "(|(nothing=x)(uid=edupont))", "(&(nothing=x)(uid=edupont))", "(!(|(nothing=x)(uid=edupont)))"),
    *("(!(&(nothing=x)(uid=edupont)))", "(cn;lang-fr=emma dupont)", "(!(cn;lang-fr=emma dupont))", "(cn;lang-fr=*)"),
    # logic
    *("(&(sn=dupont)(givenName=emma))", "(|(sn=kaci)(sn=dupont))", "(!(sn=dupont))"),
    *(
        "(&(objectClass=person)(!(acadUAI=*)))",
        "(&(|(sn=d*)(sn=m*))(!(|(uid=edupont)(uid=hmuller))))",
        "(!(!(sn=dupont)))",
    ),
    *("(&(mail=*)(|(mail=emma*)(cn=emma*)(sn=emma*)))", "(|(&(uid=edupont)(cn=x))(&(uid=skaci)(sn=kaci)))"),
    # names as values
    f"(member=uid=edupont,ou=people,{BASE})",
    f"(member=UID=EDupont, OU=people,{BASE})",
    f"(owner=uid=edupont,ou=people,{BASE})",
    f"(owner=uid=skaci,ou=people,{BASE})",
    *(
        "(member=nonsense)",
        f"(distinguishedName=uid=edupont,ou=people,{BASE})",
        "(member=*)",
        "(acadMemberAddress=EXT@ailleurs.example)",
        "(displayName=tous les profs)",
    ),
    # extensible
    *("(sn:caseExactMatch:=Dupont)", "(sn:caseExactMatch:=dupont)", "(sn:=DUPONT)", "(cn:2.5.13.5:=Emma Dupont)"),
    *("(:caseExactMatch:=Dupont)", "(:caseIgnoreMatch:=dupont)", "(ou:dn:=people)", "(ou:dn:caseIgnoreMatch:=PEOPLE)"),
    *("(dc:dn:=ac-exemple)", "(sn:nothingMatch:=x)", "(!(sn:nothingMatch:=x))", "(nothing:=x)", "(sn:integerMatch:=1)"),
    *("(acadAccountId:integerMatch:=2)", "(uid:dn:=edupont)"),
    # eduPerson and SUPANN
    *("(eduPersonAffiliation=faculty)", "(eduPersonAffiliation=MEMBER)", "(eduPersonAffiliation=fac*)"),
    *(
        "(!(eduPersonAffiliation=student))",
        "(eduPersonPrimaryAffiliation=member)",
        "(eduPersonPrimaryAffiliation=staff)",
    ),
    *("(eduPersonScopedAffiliation=faculty@ac-exemple.fr)", "(eduPersonPrincipalName=edupont@ac-exemple.fr)"),
    *("(supannCivilite=mme)", "(supannCivilite=*)", "(supannListeRouge=TRUE)", "(supannListeRouge=FALSE)"),
    *(
        "(supannListeRouge=true)",
        "(!(supannListeRouge=TRUE))",
        "(supannAliasLogin=edupont)",
        "(supannAliasLogin=EDUPONT)",
    ),
    *("(supannAliasLogin=edu*)", "(supannAliasLogin=EDU*)", "(supannEntiteAffectation={UAI}0580001a)"),
    *("(supannEntiteAffectation={UAI}05*)", "(supannEntiteAffectation=*058*)", "(supannEntiteAffectation=0580001A)"),
    *(
        "(supannEntiteAffectationPrincipale={UAI}0210006T)",
        "(supannEtablissement={uai}021*)",
        "(supannCodeEntite=0210006T)",
    ),
    *("(schacExpiryDate=*)", "(schacExpiryDate>=20270101000000Z)", "(schacExpiryDate<=20270101000000Z)"),
    # affiliations, terms, schools
    *("(acadUAI=0580001A)", "(acadUAI=*001*)", "(acadClass=0210006t$4b)", "(acadClass=0210006T$4*)", "(acadClass=4B)"),
    *("(acadClass=*$4B)", "(acadClass=0210006T$ts é)", "(acadClass=0210006T$ts e)", "(acadGroup=0210006T$4B)"),
    *("(acadClass=0210*)", "(acadFunction=ens)", "(acadFunction=E*)", "(acadFunction=*)", "(acadDisciplineCode=L1300)"),
    *("(acadPost=$function$ADM)", "(acadPost=0580001a$school$0580001a)", "(acadPost=*function*)", "(acadPost=$*)"),
    *("(description=quatrième b)", "(description=*latin*)", "(acadSchoolKind=lyc)", "(l=dijon)", "(postalCode=21000)"),
    *(
        "(o=Lycée Sadi Carnot)",
        "(o=*carnot)",
        "(o=lycee*)",
        "(objectClass=acadTerm)",
        "(objectClass=schacEntryMetadata)",
    ),
    *("(objectClass=eduPerson)", "(!(objectClass=eduPerson))", "(objectClass=acadFunctionalBox)", "(acadContract=*)"),
    *("(acadListQuery=*)", "(acadListModerated=TRUE)", "(&(objectClass=acadList)(acadUAI=0210006T))"),
    # what the administrator added, and contacts
    *("(telephoneNumber=+33380000001)", "(telephoneNumber=0380 000 002)", "(telephoneNumber=*0000*)", "(title=prof*)"),
    *(
        "(telephoneNumber=0380680000)",
        "(labeledURI=https://ac-exemple.fr/Emma)",
        "(labeledURI=https://ac-exemple.fr/emma)",
        *("(!(telephoneNumber=e@*))", "(!(telephoneNumber=*@*))", "(!(telephoneNumber=e@))", "(!(telephoneNumber=x))"),
        *(
            "(!(telephoneNumber= ))",
            "(!(telephoneNumber=-))",
            "(!(telephoneNumber=*-*))",
            "(telephoneNumber=*- 0*)",
            "(!(telephoneNumber=-*))",
        ),
    ),
    *("(preferredLanguage=FR)", "(jpegPhoto=*)", "(!(jpegPhoto=*))", f"(seeAlso=uid=skaci, ou=people,{BASE})"),
    *("(mobile=0600000000)", "(sn=martin)", "(mail=zoe@*)", "(cn=zoé*)", "(uid=invite)", "(!(employeeType=teacher))"),
    # approximate, where there is nothing alike
    *("(sn~=zzzzzz)", "(acadAccountId~=1)"),
]


@pytest.mark.parametrize("wanted", CORPUS)
def test_corpus(both: Both, wanted: str) -> None:
    ours, theirs = both.found(wanted)
    assert ours == theirs


def test_approximate_forgives_accents_where_openldap_goes_by_sound(both: Both) -> None:
    """RFC 4511 section 4.5.1.7.6 leaves the algorithm to the server."""
    ours, theirs = both.found("(sn~=muller)")
    assert ours == both.found("(uid=hmuller)")[0]
    assert ours <= theirs
    assert both.found("(sn~=dupont)")[0] == both.found("(sn=dupont)")[0]


def test_a_class_by_an_unknown_number_is_false_where_openldap_says_undefined(both: Both) -> None:
    """RFC 4517 section 4.2.26 compares numbers, whether anybody knows them or not."""
    ours, theirs = both.found("(!(objectClass=1.2.3.4))")
    assert ours == both.found("(objectClass=*)")[0]
    assert theirs == set()


def test_filters_without_items(both: Both) -> None:
    """`(&)` is true and `(|)` is false (RFC 4526); ldap3 cannot write them, OpenLDAP's tool can."""
    for wanted, expected in (("(&)", "(objectClass=*)"), ("(!(|))", "(objectClass=*)"), ("(|)", "(nothing=*)")):
        done = both.door.tool("ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", BASE, wanted, "1.1")
        assert done.stdout.count("dn: ") + done.stdout.count("dn:: ") == len(both.found(expected)[0])


@pytest.mark.parametrize(
    "base",
    [
        BASE,
        *(f"ou={name},{BASE}" for name in ("people", "contacts", "structures", "groups", "disciplines", "functions")),
        *(f"uid={name},ou=people,{BASE}" for name in ("skaci", "invite")),
        *(f"ou={uai},ou=structures,{BASE}" for uai in (SCHOOL, OTHER)),
        f"acadClass={SCHOOL}$4B,ou={SCHOOL},ou=structures,{BASE}",
    ],
)
@pytest.mark.parametrize("scope", ["BASE", "LEVEL", "SUBTREE"])
def test_bases(both: Both, base: str, scope: Scope) -> None:
    for wanted in ("(objectClass=*)", "(!(uid=edupont))", "(name=*a*)", "(hasSubordinates=TRUE)"):
        ours, theirs = both.found(wanted, base, scope)
        assert ours == theirs


ATTRIBUTES = [
    *("uid", "cn", "sn", "givenName", "displayName", "name", "mail", "acadAddress", "employeeType", "o", "ou"),
    *(
        "acadUAI",
        "acadDiscipline",
        "acadAccountId",
        "acadState",
        "objectClass",
        "description",
        "nothing",
        "dc",
        "member",
        "owner",
        "acadMemberAddress",
    ),
    *("acadClass", "acadFunction", "acadDisciplineCode", "acadPost", "supannEntiteAffectation", "supannAliasLogin"),
    *("eduPersonAffiliation", "eduPersonPrincipalName", "title", "telephoneNumber", "supannListeRouge", "mobile"),
]
WORDS = [
    *("Dupont", "emma", "Hélène", "Müller", "teacher", "pupil", "0210006T", "person", "1", "7", "people", "O*Brien"),
    *(
        "emma dupont",
        "not-activated",
        "edupont@ac-exemple.fr",
        "Lycée Sadi Carnot",
        "Mathématiques",
        "Mme Müller-Noël",
        "Hélène Noël",
        "x",
        "e",
        "é",
        " ",
    ),
    *("0210006T$4B", "ENS", "L1300", "{UAI}0580001A", "faculty", "TRUE", "Professeure principale", "+33380000001"),
]
attributes = st.sampled_from(ATTRIBUTES)
values = (
    st.sampled_from(WORDS)
    .flatmap(lambda word: st.sampled_from([word, word.upper(), word[:3], word[-3:], word[1:3] or word]))
    .map(escape_filter_chars)
)
pieces = st.lists(values.filter(lambda text: text.strip(" ") != ""), min_size=1, max_size=3)


@st.composite
def substrings(draw: st.DrawFn) -> str:
    inner = "*".join(draw(pieces))
    return f"({draw(attributes)}={draw(st.sampled_from(['', '*']))}{inner}*)"


items = st.one_of(
    st.builds("({}={})".format, attributes, values),
    st.builds("({}=*)".format, attributes),
    st.builds("({}>={})".format, attributes, values),
    st.builds("({}<={})".format, attributes, values),
    st.builds("({}:caseIgnoreMatch:={})".format, st.sampled_from(["cn", "sn", "uid", "acadUAI"]), values),
    substrings(),
)
any_filter = st.recursive(
    items,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(&{''.join(parts)})"),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"(|{''.join(parts)})"),
        inner.map("(!{})".format),
    ),
    max_leaves=6,
)


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=any_filter)
def test_filters_at_random(both: Both, wanted: str) -> None:
    ours, theirs = both.found(wanted)
    assert ours == theirs
