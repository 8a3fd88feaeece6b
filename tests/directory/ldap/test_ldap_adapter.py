"""`LdapDirectory` against a real OpenLDAP: what only an LDAP server can show."""

import asyncio
import shutil
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from directory.ldap import LdapDirectory, pool
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import LdapDirectory as Section
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import write_secret
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import NewPerson, PersonChange, Role, State
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store
from tests.clocks import SteppedClock
from tests.directory.slapd import ADMIN, BASE, PASSWORD, Slapd

pytestmark = pytest.mark.needs("slapd", "ldapadd", "ldapwhoami", "ldapmodrdn", "ldapdelete")

PEOPLE = f"ou=people,{BASE}"


@pytest.fixture
def slapd(openldap: Slapd) -> Slapd:
    """The server with an empty tree, running."""
    openldap.empty()
    return openldap


def tool(slapd: Slapd, program: str, *arguments: str, user: str = ADMIN, password: str = PASSWORD) -> str:
    command = [program, "-x", "-H", slapd.url, "-D", user, "-w", password, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


class Home:
    """An instance whose directory is the LDAP server; makes adapters over one store."""

    def __init__(self, folder: Path, template: Path, slapd: Slapd) -> None:
        (folder / "data" / "blobs").mkdir(parents=True)
        shutil.copy(template, folder / "data" / "mail.db")
        write_secret(folder / "secrets" / "ldap", PASSWORD.encode())
        write_secret(folder / "secrets" / "hmac", b"k" * 32)
        self.folder = folder
        self.section = Section(
            url=slapd.url, base=BASE, bind_dn=ADMIN, password_file="ldap", read_only=False, timeout=30, pool=2
        )
        self.clock = SteppedClock()
        self.store = Store(f"sqlite:///{folder / 'data' / 'mail.db'}", folder / "data", self.clock, Changes())
        self._adapters: list[LdapDirectory] = []

    def directory(self, **more: Any) -> LdapDirectory:
        section = self.section.model_copy(update=more)
        settings = Settings(domain="ac-exemple.fr", aliases=("ac-autre.fr",), directory=self.folder, ldap=section)
        made = LdapDirectory(settings=settings, store=self.store, clock=self.clock)
        self._adapters.append(made)
        return made

    def close(self) -> None:
        for adapter in self._adapters:
            adapter.close()
        self.store.close()


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, slapd: Slapd) -> Iterator[Home]:
    made = Home(tmp_path / "home", sqlite_template, slapd)
    yield made
    made.close()


EMMA = NewPerson("Emma", "Dupont", Role.TEACHER, uai="0210006T", discipline="Maths")


def entry(uid: str, *more: str, sn: str = "Martin", mail: str = "") -> str:
    lines = [
        f"dn: uid={uid},{PEOPLE}",
        "objectClass: inetOrgPerson",
        f"uid: {uid}",
        f"cn: Max {sn}",
        f"sn: {sn}",
        f"mail: {mail or uid + '@ac-exemple.fr'}",
        *more,
    ]
    return "\n".join(lines) + "\n\n"


# ---------------------------------------------------------------------------- reading


def test_a_plain_entry_is_a_person(home: Home, slapd: Slapd) -> None:
    """No schema of ours, no number: what any academy's directory looks like."""
    slapd.add(entry("mmartin", "givenName: Max", "employeeType: Enseignant", mail="max.martin@ac-exemple.fr"))

    async def scene() -> None:
        directory = home.directory(read_only=True)
        found = await directory.find("mmartin")
        assert found is not None
        assert (found.address, found.name, found.role) == ("max.martin@ac-exemple.fr", "Max Martin", Role.TEACHER)
        assert found.aliases == ("mmartin@ac-exemple.fr",)
        assert found.state is State.ACTIVE
        for name in ("MMARTIN", "Max.Martin@ac-exemple.fr", "mmartin@ac-exemple.fr", "max.martin@ac-autre.fr"):
            assert await directory.find(name) == found
        assert await directory.by_account(found.account_id) == found
        assert await directory.by_account(found.account_id + 1) is None

    asyncio.run(scene())
    assert "acadAccountId" not in tool(slapd, "ldapsearch", "-b", PEOPLE), "somebody else's directory is not written"


@pytest.mark.parametrize(
    "login",
    [
        *("*", "mmart*", "mmartin)(uid=*", "*)(objectClass=*", "mmartin\\2a", "\\6dmartin", "mmartin\0", "(", ")"),
        *(
            "mmartin))(|(uid=*",
            "&",
            "|",
            "!",
            "mmartin=",
            "",
            " ",
            "é" * 400,
            "mmartin@",
            "@ac-exemple.fr",
            "*@ac-exemple.fr",
        ),
    ],
)
def test_filters_are_not_injected_into(home: Home, slapd: Slapd, login: str) -> None:
    slapd.add(entry("mmartin"))

    async def scene() -> None:
        directory = home.directory()
        assert await directory.find(login) is None
        assert await directory.authenticate(login, Secret("x")) is None
        assert await directory.expand(login) is None
        assert await directory.search(f"{login}\0*)(", 10) == []

    asyncio.run(scene())


def test_an_address_of_two_people_is_nobodys(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("mmartin", mail="max@ac-exemple.fr") + entry("mmartin1", mail="max@ac-exemple.fr"))

    async def scene() -> None:
        directory = home.directory()
        assert await directory.find("max@ac-exemple.fr") is None
        assert await directory.find("mmartin") is not None

    asyncio.run(scene())


def test_lists_of_every_make(home: Home, slapd: Slapd) -> None:
    members = [entry(f"p{number}", mail=f"p.{number}@ac-exemple.fr") for number in range(4)]
    groups = f"""
dn: cn=profs,ou=groups,{BASE}
objectClass: groupOfNames
objectClass: acadList
cn: profs
displayName: Tous les profs
mail: profs@ac-exemple.fr
member: uid=p0,{PEOPLE}
member: cn=inner,ou=groups,{BASE}
member: cn=profs,ou=groups,{BASE}
member: uid=gone,{PEOPLE}
member: cn=no such thing,dc=elsewhere
acadMemberAddress: ext@ailleurs.example
owner: uid=p1,{PEOPLE}

dn: cn=inner,ou=groups,{BASE}
objectClass: groupOfUniqueNames
cn: inner
uniqueMember: uid=p1,{PEOPLE}
uniqueMember: uid=P0,{PEOPLE}
uniqueMember: cn=profs,ou=groups,{BASE}

"""
    slapd.add("".join(members) + groups)

    async def scene() -> None:
        directory = home.directory()
        found = await directory.expand("Profs@ac-exemple.fr")
        assert found is not None
        assert (found.address, found.name, found.owner) == (
            "profs@ac-exemple.fr",
            "Tous les profs",
            "p.1@ac-exemple.fr",
        )
        assert sorted(found.members) == ["ext@ailleurs.example", "p.0@ac-exemple.fr", "p.1@ac-exemple.fr"]
        assert await directory.expand("profs@ac-autre.fr") == found
        assert await directory.expand("p.0@ac-exemple.fr") is None
        assert await directory.expand("nobody@ac-exemple.fr") is None
        assert await directory.find("profs@ac-exemple.fr") is None

    asyncio.run(scene())


# ---------------------------------------------------------------------------- accounts behind entries


def test_an_account_follows_its_number_and_never_its_name(home: Home, slapd: Slapd) -> None:
    async def first() -> int:
        slapd.add(entry("mmartin"))
        found = await home.directory().find("mmartin")
        assert found is not None
        return found.account_id

    account_id = asyncio.run(first())
    assert f"acadAccountId: {account_id}\n" in tool(slapd, "ldapsearch", "-b", PEOPLE, "(uid=mmartin)")
    tool(slapd, "ldapmodrdn", "-r", f"uid=mmartin,{PEOPLE}", "uid=mdurand")
    tool(slapd, "ldapmodrdn", "-r", f"uid=mdurand,{PEOPLE}", "uid=mdurand")

    async def second() -> None:
        directory = home.directory()
        renamed = await directory.find("mdurand")
        assert renamed is not None
        assert renamed.account_id == account_id
        assert await directory.by_account(account_id) == renamed
        # Somebody new comes under the old name: they do not get the old mail.
        slapd.add(entry("mmartin", mail="new@ac-exemple.fr"))
        other = await home.directory().find("mmartin")
        assert other is not None
        assert other.account_id != account_id

    asyncio.run(second())


def test_an_entry_made_anew_does_not_inherit_an_account(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("mmartin"))

    async def scene() -> None:
        found = await home.directory().find("mmartin")
        assert found is not None
        tool(slapd, "ldapdelete", f"uid=mmartin,{PEOPLE}")
        number = str(found.account_id + 40)
        slapd.add(entry("mmartin", "objectClass: acadPerson", f"acadAccountId: {number}"))
        directory = home.directory()
        assert await directory.find("mmartin") is None
        assert await directory.by_account(found.account_id) is None

    asyncio.run(scene())


def test_a_state_is_felt_at_once_whatever_is_cached(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("mmartin"))

    async def scene() -> None:
        directory = home.directory()
        found = await directory.find("mmartin")
        assert found is not None
        await home.store.write(accounts.suspend, found.account_id, "enquête", False)
        again = await directory.find("mmartin")
        assert again is not None
        assert again.state is State.SUSPENDED
        await home.store.write(accounts.close, found.account_id, "")
        assert await directory.search("martin", 5) == []

    asyncio.run(scene())


# ---------------------------------------------------------------------------- writing


def test_add_set_password_and_bind_to_openldap_itself(home: Home, slapd: Slapd) -> None:
    async def scene() -> None:
        directory = home.directory()
        emma = await directory.add(EMMA)
        assert (emma.login, emma.address, emma.state) == ("edupont", "emma.dupont@ac-exemple.fr", State.PENDING)
        assert emma.aliases == ("edupont@ac-exemple.fr",)
        assert await directory.authenticate("edupont", Secret("")) is None
        await directory.set_password(emma.account_id, Secret("Académie#2026"))
        entered = await directory.authenticate("edupont", Secret("Acade\u0301mie#2026"))
        assert entered is not None
        assert (entered.account_id, entered.state) == (emma.account_id, State.ACTIVE)
        assert entered.login_version > emma.login_version
        assert await directory.authenticate("edupont", Secret("Academie#2026")) is None
        for odd in ("\0", "\x1b", "Ａcadémie#2026", "Académie#2026\0", "\ud800", "x" * 5000):
            assert await directory.authenticate("edupont", Secret(odd)) is None
        assert await directory.find("emma.dupont@ac-exemple.fr") == entered
        # A second worker over the same store, and the same directory after a restart of it.
        assert await home.directory().find("edupont") == entered

    asyncio.run(scene())
    who = tool(slapd, "ldapwhoami", user=f"uid=edupont,{PEOPLE}", password="Académie#2026")
    assert who == f"dn:uid=edupont,{PEOPLE}\n"
    stored = tool(slapd, "ldapsearch", "-LLL", "-o", "ldif-wrap=no", "-b", PEOPLE, "(uid=edupont)", "userPassword")
    assert "userPassword:: e0FSR09OMn0kYXJnb24yaWQk" in stored  # {ARGON2}$argon2id$


def test_names_that_only_the_directory_knows_are_passed_over(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("edupont", sn="Dupont") + entry("x", mail="emma.dupont1@ac-exemple.fr"))

    async def scene() -> None:
        directory = home.directory()
        emma = await directory.add(EMMA)
        assert (emma.login, emma.address) == ("edupont1", "emma.dupont@ac-exemple.fr")
        second = await directory.add(EMMA)
        assert (second.login, second.address) == ("edupont2", "emma.dupont2@ac-exemple.fr")
        older = await directory.find("edupont")
        assert older is not None
        assert older.state is State.ACTIVE
        with pytest.raises(Refused) as refused:
            await directory.add(NewPerson("Ève", "Autre", Role.STAFF, login="x"))
        assert refused.value.reason is Reason.CONFLICT

    asyncio.run(scene())


def test_concurrent_adds_never_collide(home: Home, slapd: Slapd) -> None:
    async def scene() -> None:
        directories = [home.directory(), home.directory()]
        made = await asyncio.gather(*(directories[n % 2].add(EMMA) for n in range(12)))
        assert len({one.login for one in made}) == 12
        assert len({one.address for one in made}) == 12

    asyncio.run(scene())


def test_change_of_name_keeps_identifier_and_old_address(home: Home, slapd: Slapd) -> None:
    async def scene() -> None:
        directory = home.directory()
        emma = await directory.add(EMMA)
        changed = await directory.change(emma.account_id, PersonChange(surname="Martin", uai="", role=Role.STAFF))
        assert changed == await home.directory().find("edupont")
        assert (changed.login, changed.address) == ("edupont", "emma.martin@ac-exemple.fr")
        assert set(changed.aliases) == {"emma.dupont@ac-exemple.fr", "edupont@ac-exemple.fr"}
        assert (changed.uai, changed.role, changed.discipline) == ("", Role.STAFF, "Maths")
        assert await directory.find("emma.dupont@ac-exemple.fr") == changed
        with pytest.raises(Refused) as refused:
            await directory.change(999, PersonChange(surname="X"))
        assert refused.value.reason is Reason.NOT_FOUND
        with pytest.raises(Refused):
            await directory.set_password(999, Secret("x"))

    asyncio.run(scene())


def test_somebody_elses_directory_is_not_written(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("mmartin"))

    async def scene() -> None:
        directory = home.directory(read_only=True)
        found = await directory.find("mmartin")
        assert found is not None
        for work in (
            directory.add(EMMA),
            directory.set_password(found.account_id, Secret("x")),
            directory.change(found.account_id, PersonChange(surname="X")),
        ):
            with pytest.raises(Refused) as refused:
                await work
            assert refused.value.reason is Reason.READ_ONLY_DIRECTORY

    before = tool(slapd, "ldapsearch", "-b", BASE)
    asyncio.run(scene())
    assert tool(slapd, "ldapsearch", "-b", BASE) == before


# ---------------------------------------------------------------------------- the network


def test_a_restart_of_the_server_goes_unnoticed(home: Home, slapd: Slapd) -> None:
    slapd.add(entry("mmartin") + entry("ndurand"))

    async def scene() -> None:
        directory = home.directory(cache_seconds=0)
        assert await directory.find("mmartin") is not None
        slapd.stop()
        slapd.start()
        assert await directory.find("ndurand") is not None

    asyncio.run(scene())


def test_a_server_out_of_reach_is_temporary_and_forgiven_later(
    home: Home, slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "QUIET", 0.3)
    slapd.add(entry("mmartin"))

    async def scene() -> None:
        directory = home.directory(cache_seconds=0)
        assert await directory.find("mmartin") is not None
        slapd.stop()
        for ask in (
            directory.find("mmartin"),
            directory.authenticate("mmartin", Secret("x")),
            directory.search("a", 1),
        ):
            with pytest.raises(Temporary):
                await ask
        for _ in range(20):
            with pytest.raises(Temporary):
                await directory.find("mmartin")
        slapd.start()
        await asyncio.sleep(0.4)
        assert await directory.find("mmartin") is not None

    asyncio.run(scene())


def test_a_server_that_says_nothing_costs_the_timeout_and_not_the_loop(home: Home, slapd: Slapd) -> None:
    async def scene() -> None:
        directory = home.directory(url=f"ldap://127.0.0.1:{silent.getsockname()[1]}", timeout=3)
        asked = asyncio.create_task(directory.find("mmartin"))
        turns = 0
        while not asked.done():
            await asyncio.sleep(0.01)
            turns += 1
        with pytest.raises(Temporary):
            await asked
        assert turns > 10, "the loop waited, too"

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        asyncio.run(scene())


@pytest.mark.parametrize("scheme", ["start_tls", "ldaps"])
def test_tls_is_checked(home: Home, slapd: Slapd, tmp_path: Path, scheme: str) -> None:
    slapd.add(entry("mmartin"))
    port = slapd.port if scheme == "start_tls" else slapd.tls_port
    url = f"{'ldap' if scheme == 'start_tls' else 'ldaps'}://localhost:{port}"
    more = {"url": url, "start_tls": scheme == "start_tls"}

    async def scene() -> None:
        good = home.directory(**more, ca_file=str(slapd.certificate))
        assert await good.find("mmartin") is not None
        with pytest.raises(Temporary):
            await home.directory(**more).find("mmartin")

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"url": "ldap://ldap.ac-exemple.fr"}, "clear"),
        ({"url": "http://localhost"}, "ldaps://"),
        ({"password_file": "missing"}, "missing"),
    ],
)
def test_settings_that_cannot_be_used(home: Home, slapd: Slapd, more: dict[str, str], word: str) -> None:
    with pytest.raises(SettingsError, match=word):
        home.directory(**more)


def test_a_wrong_password_of_our_own_is_temporary(home: Home, slapd: Slapd) -> None:
    write_secret(home.folder / "secrets" / "wrong", b"wrong")

    async def scene() -> None:
        with pytest.raises(Temporary):
            await home.directory(password_file="wrong").find("mmartin")

    asyncio.run(scene())


@pytest.mark.alone
@pytest.mark.usefixtures("true_hashing")
def test_unknown_logins_take_as_long_as_wrong_passwords(home: Home, slapd: Slapd) -> None:
    """Enumeration by time."""

    async def scene() -> None:
        directory = home.directory()
        emma = await directory.add(EMMA)
        await directory.set_password(emma.account_id, Secret("Academie#2026"))
        spans: dict[str, list[float]] = {"edupont": [], "nobody": []}
        for _ in range(15):
            for login, taken in spans.items():
                began = time.monotonic()
                await directory.authenticate(login, Secret("wrong"))
                taken.append(time.monotonic() - began)
        # It imitates what it has seen of late: the middle of that, on a busy machine, is any of it.
        known = spans["edupont"]
        assert min(known) / 2 < statistics.median(spans["nobody"]) < 2 * max(known), spans

    asyncio.run(scene())
