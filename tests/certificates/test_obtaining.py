"""One certificate for all workers and hosts: with a real authority that looks for records which a program publishes
(dns-01), on both engines."""

import asyncio
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from acme import client, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import update
from structlog.testing import capture_logs

from mailserver.background.certificate_renewal import CertificateRenewal
from mailserver.certificates import schedule
from mailserver.certificates.faults import Fault, NotObtained, said
from mailserver.certificates.obtaining import STEP_SECONDS, Obtaining
from mailserver.certificates.proofs import ACCOUNT_KEY, BINDING_KEY, new_key
from mailserver.foundation.settings import Settings, load
from mailserver.foundation.tls import read_pair
from mailserver.model.clock import DAY
from mailserver.operations.health import zone
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.service.certificates import acme_certificate
from mailserver.store.upkeep import certificates
from tests.certificate_files import write_pair
from tests.certificates.pebble import EAB_KEY, Pebble
from tests.clocks import MovingClock

HOST = "mail.ac-exemple.fr"
pytestmark = pytest.mark.needs("pebble")
HOOK = """#!/bin/sh -e
record=$ACME_RECORD.
case $1 in
set) what=set-txt; facts='{{"host": "'$record'", "value": "'$CERTBOT_VALIDATION'"}}' ;;
clean) what=clear-txt; facts='{{"host": "'$record'"}}' ;;
esac
echo "$1 $CERTBOT_DOMAIN" >> {log}
exec curl -sS --noproxy '*' -d "$facts" {commands}/$what
"""


class Host:
    """A host of the academy: a folder of its own, the one store."""

    def __init__(self, folder: Path, pebble: Pebble, secret: bytes, account: bytes | None, more: str) -> None:
        (folder / "secrets").mkdir(parents=True)
        (folder / "secrets" / "hmac").write_bytes(secret)
        if account is not None:
            (folder / "secrets" / ACCOUNT_KEY).write_bytes(account)
        write_pair(folder / "tls", HOST)
        self.log, hook = folder / "hook.log", folder / "hook"
        write_program(hook, HOOK.format(commands=pebble.commands, log=self.log))
        challenge = f'challenge = "dns-01"\nhook = "{hook}"\n'
        text = f'domain = "ac-exemple.fr"\nhostname = "{HOST}"\n'
        self.path = folder / "mailserver.toml"
        self.path.write_text(text + pebble.settings(HOST, "*.ac-exemple.fr", more=challenge + more))
        self.settings = load(folder)

    def again(self, *changes: tuple[str, str]) -> None:
        """Its settings, changed."""
        text = self.path.read_text()
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        self.path.write_text(text)
        self.settings.adopt(load(self.path.parent))

    @property
    def serial(self) -> bytes:
        return read_pair(self.settings.certificate, self.settings.private_key).chain


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


MakeHost = Callable[..., Host]


@pytest.fixture
def make_host(tmp_path: Path, pebble: Pebble) -> MakeHost:
    secret, account = new_key(), new_key()
    made: list[Host] = []

    def make(more: str = "", *, at: Pebble = pebble) -> Host:
        made.append(Host(tmp_path / f"host{len(made)}", at, secret, account, more))
        return made[-1]

    return make


def obtaining(host: Host, store: Store, clock: MovingClock) -> Obtaining:
    return Obtaining(settings=host.settings, store=store, clock=clock)


async def test_two_hosts_have_one_certificate(make_host: MakeHost, store: Store, clock: MovingClock) -> None:
    """Both look at once; one asks, both install it, and nobody asks again."""
    hosts = [make_host(), make_host()]
    rounds = [CertificateRenewal(settings=host.settings, store=store, clock=clock) for host in hosts for _ in "ab"]
    await asyncio.gather(*(one.round() for one in rounds))
    for one in rounds:
        await one.round()
    held = await store.read(certificates.get)
    assert (held.number, held.failures) == (1, 0)
    assert {host.serial for host in hosts} == {held.chain.encode()}
    asked = "".join(host.log.read_text() for host in hosts if host.log.exists()).split("\n")
    assert sorted(asked) == ["", "clean ac-exemple.fr", f"clean {HOST}", "set ac-exemple.fr", f"set {HOST}"]
    assert b"PRIVATE" not in bytes(held.key or b"")


async def test_a_frozen_one_that_comes_back_keeps_nothing(
    make_host: MakeHost, store: Store, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lease is over, another one has obtained a certificate meanwhile: that one stays."""
    slow, quick = obtaining(make_host(), store, clock), obtaining(make_host(), store, clock)
    ask = Obtaining._ask
    came, go_on = asyncio.Event(), asyncio.Event()

    async def frozen(self: Obtaining, key: bytes, lease: int, before: str = "") -> str:
        chain = await ask(self, key, lease, before)
        if self is slow:
            came.set()
            await go_on.wait()
        return chain

    monkeypatch.setattr(Obtaining, "_ask", frozen)
    late = asyncio.create_task(slow.obtain())
    await came.wait()
    with pytest.raises(NotObtained) as busy:
        await quick.obtain()
    assert busy.value.fault is Fault.BUSY
    clock.ahead += STEP_SECONDS + 1
    # The store's own clock stands for the frozen one's.
    await store.write(lambda tx: certificates.prolong(tx, 1, -1))
    pair = await quick.obtain()
    go_on.set()
    with pytest.raises(NotObtained) as lost:
        await late
    assert lost.value.fault is Fault.BUSY
    held = await store.read(certificates.get)
    assert (held.number, held.chain.encode()) == (1, pair.chain)


async def test_the_key_stays_unless_another_one_was_announced(
    make_host: MakeHost, store: Store, clock: MovingClock
) -> None:
    host = make_host()
    worker = obtaining(host, store, clock)

    def bindings() -> list[str]:
        return [one.data for one in zone.records(host.settings) if one.kind == "TLSA"]

    before = bindings()
    await worker.obtain()
    await worker.install()
    assert bindings() == before, "the record that was published stays true"
    host.again(("[acme]", "[acme]\nreuse_key = false"))
    await worker.install()
    assert bindings()[0] == before[0]
    assert len(bindings()) == 2, "the next one is announced ahead"
    announced = bindings()[1]
    await worker.obtain()
    await worker.install()
    assert bindings()[0] == announced
    assert len(set(bindings())) == 2, "and the one after it"
    host.again(("reuse_key = false", "reuse_key = true"))
    await worker.install()
    assert bindings() == [announced]


async def test_a_stolen_key_is_left_at_once(make_host: MakeHost, store: Store, clock: MovingClock) -> None:
    """Neither the one that stays at renewals nor the one that was made ahead is asked for again."""
    host = make_host()
    worker = obtaining(host, store, clock)
    stolen = (await worker.obtain()).key
    assert (await worker.obtain()).key == stolen
    host.again(("[acme]", "[acme]\nreuse_key = false"))
    await worker.install()
    ahead = (await worker.held()).next_key
    assert ahead is not None
    fresh = (await worker.obtain(fresh_key=True)).key
    assert fresh not in (stolen, ahead)
    assert (await worker.held()).next_key not in (stolen, ahead, fresh, None)
    await worker.install()
    assert read_pair(host.settings.certificate, host.settings.private_key).key == fresh


async def test_names_that_were_added_are_asked_for(make_host: MakeHost, store: Store, clock: MovingClock) -> None:
    host = make_host()
    worker = obtaining(host, store, clock)
    await worker.obtain()
    held = await worker.held()
    assert not schedule.is_wanted(held.row, held.pair, worker.names, clock.now())
    host.again((f'["{HOST}"', f'["{HOST}", "autre.ac-exemple.fr"'))
    assert schedule.is_wanted(held.row, held.pair, worker.names, clock.now())


async def test_the_authority_may_want_it_earlier(make_host: MakeHost, store: Store, clock: MovingClock) -> None:
    """ARI (RFC 9773): asked again after hours, by one of all; never later than a fifth before the end."""
    host = make_host()
    worker = obtaining(host, store, clock)
    pair = await worker.obtain()
    planned = (await worker.held()).row.renew
    third = pair.ends.timestamp() - 30 * DAY
    assert third - 2 * DAY <= planned <= third
    await store.write(lambda tx: certificates._change(tx, 1, due=0, renew=7))
    await worker.ask_when()
    held = (await worker.held()).row
    assert held.renew > 7
    assert held.renew <= schedule.latest(pair)
    assert held.until == 0
    assert schedule.is_to_be_asked(held, clock.now()) is False
    assert schedule.is_to_be_asked(held, clock.now() + schedule.ASK_SECONDS + 1) is True


def put_chain(tx: Tx, chain: str) -> None:
    """As the one that was obtained last."""
    tx.execute(update(acme_certificate).values(chain=chain))


async def test_an_order_says_which_certificate_it_replaces(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, tmp_path: Path
) -> None:
    """RFC 9773 section 5: such an order goes beside the authority's limits. Where it is refused, because that
    certificate was replaced already or is of another authority, it is made without."""
    worker = obtaining(make_host(), sqlite_store, clock)
    with capture_logs() as said:
        await worker.obtain()
        first = (await worker.held()).row.chain
        await worker.obtain()
    refusal = "the authority takes no order that replaces the certificate"
    why: list[str] = []
    assert refusal not in [line["event"] for line in said]
    pair = (await worker.held()).pair
    assert pair is not None
    key = serialization.load_pem_private_key(pair.key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    write_pair(tmp_path / "another", HOST, key=key)
    for chain in (first, (tmp_path / "another" / "cert.pem").read_text()):
        await sqlite_store.write(put_chain, chain)
        with capture_logs() as said:
            assert HOST in (await worker.obtain()).names
        why.extend(str(line["why"]) for line in said if line["event"] == refusal)
    assert len(why) == 2
    assert why[0] == "conflict"


async def failing(worker: Obtaining, store: Store) -> tuple[Fault, str]:
    """Why it does not work, which is on record."""
    with pytest.raises(NotObtained) as problem:
        await worker.obtain()
    held = await store.read(certificates.get)
    assert (held.fault, held.until) == (problem.value.fault.value, 0)
    assert held.due > held.failed > 0
    assert said(held.fault, held.detail).to("en") == problem.value.text.to("en")
    return problem.value.fault, problem.value.detail


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("#!/bin/sh\necho no such zone >&2; exit 3\n", "set: exit code 3: no such zone"),
        ("#!/bin/sh\nsleep 600 & sleep 600\n", "set: more than 1 s"),
        ("not a program", "Exec format error"),
        ("#!/bin/sh\nyes | head -c 3000000; exit 1\n", "set: exit code 1: y y y"),
        ("#!/bin/sh\nexit 0\n", "No TXT records found"),
    ],
)
async def test_a_hook_that_fails(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, program: str, told: str
) -> None:
    host = make_host("hook_seconds = 1\n")
    write_program(Path(host.settings.acme.hook), program)
    fault, detail = await failing(obtaining(host, sqlite_store, clock), sqlite_store)
    assert fault is (Fault.CHALLENGE if "exit 0" in program else Fault.HOOK)
    assert told in detail
    assert len(detail) <= 1000


async def test_a_hook_is_given_nothing_of_ours(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILSERVER_SECRET", "x")
    host = make_host()
    program = f"#!/bin/sh\nenv > {host.log}.$1; pwd >> {host.log}.$1; exit 1\n"
    write_program(Path(host.settings.acme.hook), program)
    await failing(obtaining(host, sqlite_store, clock), sqlite_store)
    for act in ("set", "clean"):
        lines = Path(f"{host.log}.{act}").read_text().splitlines()
        assert {"CERTBOT_DOMAIN=ac-exemple.fr", f"CERTBOT_DOMAIN={HOST}"} & set(lines)
        assert f"ACME_ACTION={act}" in lines
        assert "/" in lines
        assert not any("MAILSERVER" in line for line in lines)


async def test_what_nobody_foresaw_is_not_asked_again_at_once(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority counts, and the work in the background begins anew each second."""

    async def ask(_self: Obtaining, _key: bytes, _lease: int, _before: str) -> str:
        raise RecursionError

    monkeypatch.setattr(Obtaining, "_ask", ask)
    found = await failing(obtaining(make_host(), sqlite_store, clock), sqlite_store)
    assert found == (Fault.UNREACHABLE, "RecursionError")


@pytest.mark.parametrize("name", ["ac-exemple.fr\nserver 192.0.2.1", "autre.fr", "a\0b"])
async def test_only_names_that_were_asked_for_go_to_the_hook(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What it does with them is a script of the operator's."""
    new_order = client.ClientV2.new_order

    def another(self: client.ClientV2, request: bytes) -> messages.OrderResource:
        order = new_order(self, request)
        first, *others = order.authorizations
        body = first.body.update(identifier=first.body.identifier.update(value=name))
        changed: messages.OrderResource = order.update(authorizations=[first.update(body=body), *others])
        return changed

    monkeypatch.setattr(client.ClientV2, "new_order", another)
    host = make_host()
    fault, detail = await failing(obtaining(host, sqlite_store, clock), sqlite_store)
    assert fault is Fault.REFUSED
    assert "\n" not in detail
    assert not host.log.exists()


async def test_pauses_grow(make_host: MakeHost, sqlite_store: Store, clock: MovingClock) -> None:
    host = make_host()
    host.again(('directory = "https://', 'directory = "https://127.0.0.1:1/?'))
    worker, pauses = obtaining(host, sqlite_store, clock), []
    for _ in range(6):
        assert (await failing(worker, sqlite_store))[0] is Fault.UNREACHABLE
        held = await sqlite_store.read(certificates.get)
        pauses.append((held.due - held.failed) / 3600)
        renewal = CertificateRenewal(settings=host.settings, store=sqlite_store, clock=clock)
        await renewal.round()
        assert (await sqlite_store.read(certificates.get)).failures == held.failures, "not before its time"
    assert [round(pause / expected) for pause, expected in zip(pauses, (1, 2, 4, 8, 8, 8), strict=True)] == [1] * 6


async def test_what_the_settings_do_not_allow(make_host: MakeHost, sqlite_store: Store, clock: MovingClock) -> None:
    host = make_host()
    worker = obtaining(host, sqlite_store, clock)
    host.again(("agree_to_terms = true", "agree_to_terms = false"))
    fault, detail = await failing(worker, sqlite_store)
    assert (fault, detail[:4]) == (Fault.TERMS, "data")
    host.again(("agree_to_terms = false", "agree_to_terms = true"))
    (host.settings.directory / "secrets" / ACCOUNT_KEY).write_bytes(b"no key")
    assert (await failing(worker, sqlite_store))[0] is Fault.SETTINGS
    (host.settings.directory / "secrets" / ACCOUNT_KEY).unlink()
    assert (await failing(worker, sqlite_store))[0] is Fault.ACCOUNT
    before = (await sqlite_store.read(certificates.get)).failures
    clock.ahead = 30 * DAY
    await CertificateRenewal(settings=host.settings, store=sqlite_store, clock=clock).round()
    assert (await sqlite_store.read(certificates.get)).failures == before, "nobody has asked for the first one yet"


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """An authority that knows its customers otherwise."""
    one = Pebble(tmp_path_factory.mktemp("bound"), 1, binding=True)
    one.start()
    yield one
    one.stop()


async def test_an_account_that_is_bound_to_another(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock, bound: Pebble
) -> None:
    host = make_host(at=bound)
    worker = obtaining(host, sqlite_store, clock)
    assert await failing(worker, sqlite_store) == (Fault.SETTINGS, "[acme] eab_kid")
    host.again(("[acme]", '[acme]\neab_kid = "kid-1"'))
    assert (await failing(worker, sqlite_store))[1].startswith(f"secrets/{BINDING_KEY}")
    key = host.settings.directory / "secrets" / BINDING_KEY
    key.write_text("%%%")
    assert (await failing(worker, sqlite_store))[0] in (Fault.SETTINGS, Fault.REFUSED)
    key.write_text(EAB_KEY + "\n")
    assert HOST in (await worker.obtain()).names
    host.again(("[acme]", '[acme]\nemail = "informatique@ac-exemple.fr"'))
    assert HOST in (await worker.obtain()).names, "the account is known, and has another address now"


async def test_a_key_of_another_secret_is_not_installed(
    make_host: MakeHost, sqlite_store: Store, clock: MovingClock
) -> None:
    host = make_host()
    worker, before = obtaining(host, sqlite_store, clock), host.serial
    await worker.obtain()
    (host.settings.directory / "secrets" / "hmac").write_bytes(b"another")
    with pytest.raises(Exception, match="sealed under another secret"):
        await worker.install()
    assert host.serial == before
    renewal = CertificateRenewal(settings=host.settings, store=sqlite_store, clock=clock)
    await sqlite_store.write(lambda tx: certificates._change(tx, 1, due=0))
    await renewal.round()
    assert host.serial == before


async def test_pauses_and_times() -> None:
    row = certificates.Obtained(number=1, renew=1000)
    assert schedule.is_wanted(row, None, (), 0)
    assert schedule.pause(0, 0.5) == 0
    assert schedule.pause(99, 0.5) == schedule.PAUSES[-1]
    assert said("of-tomorrow", "x").to("fr") == "of-tomorrow: x"


def settings_of(text: str, tmp_path: Path) -> Settings:
    (tmp_path / "mailserver.toml").write_text('domain = "ac-exemple.fr"\n[acme]\n' + text)
    return load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        'directory = "http://acme.example/dir"',
        'directory = "https://a:b@acme.example/dir"',
        'names = ["*.ac-exemple.fr"]',
        'names = ["localhost"]',
        'names = ["192.0.2.1"]',
        'names = ["*.*.fr"]',
        'challenge = "dns-01"',
        'challenge = "dns-01"\nhook = "hook.sh"',
        'email = "nobody"',
        "hook_seconds = 0",
        "terms = true",
    ],
)
def test_settings_that_cannot_be(text: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="acme"):
        settings_of(text, tmp_path)


def test_settings_that_can(tmp_path: Path) -> None:
    text = 'challenge = "dns-01"\nhook = "/usr/local/bin/hook"\nnames = ["*.Académie.fr", "a.b.fr"]'
    assert settings_of(text, tmp_path).acme.names == ("*.xn--acadmie-eya.fr", "a.b.fr")
    assert settings_of("", tmp_path).acme.agree_to_terms is False
