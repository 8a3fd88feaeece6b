"""The DNS records of an academy: what `mailserver dns` prints is a zone, and `check` finds it where it is published."""

import datetime
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import dns.name
import dns.rdatatype
import dns.zone
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from mailserver.__main__ import app
from mailserver.certificates.files import public_half
from mailserver.certificates.proofs import new_key as certificate_key
from mailserver.foundation.settings import Listen, NameService, Outbound, Proxy, Reports, Settings, Smtp
from mailserver.operations.health import published, zone
from mailserver.operations.health.findings import Grade
from mailserver.outbound.submission.signatures.dkim import new_key
from tests.certificate_files import write_pair
from tests.inbound.authentication.name_server import NameServer

HOST = "mail.ac-exemple.fr"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance's folder with a key for DKIM, and a certificate that somebody else signed."""
    made = tmp_path_factory.mktemp("zone")
    (made / "secrets").mkdir()
    (made / "tls").mkdir()
    (made / "secrets" / "dkim-s1.pem").write_bytes(new_key())
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Somebody")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    (made / "tls" / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (made / "tls" / "key.pem").write_bytes(private)
    (made / "mailserver.toml").write_text(
        f'domain = "ac-exemple.fr"\nhostname = "{HOST}"\naliases = ["ac-ancienne.fr"]\n'
    )
    return made


@pytest.fixture
def names() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture
def settings(folder: Path, names: NameServer) -> Settings:
    return Settings(
        domain="ac-exemple.fr",
        hostname=HOST,
        aliases=("ac-ancienne.fr",),
        directory=folder,
        dns=NameService(nameservers=(names.setting,)),
    )


def printed(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["dns", str(folder), *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_what_is_printed_is_a_zone(folder: Path) -> None:
    """Read by a name server's own library, each record is what the JSON says."""
    wanted = json.loads(printed(folder, "--format", "json"))
    assert all(len(line) > 2 for line in printed(folder).splitlines() if line.startswith(";"))
    read = dns.zone.from_text(
        "$TTL 3600\n@ IN SOA ns. admin. 1 1 1 1 1\n@ IN NS ns.\n" + printed(folder),
        origin=dns.name.root,
        relativize=False,
    )
    for record in wanted:
        found = read.find_rdataset(f"{record['name']}.", record["type"])
        if record["type"] == "TXT":
            assert record["data"] in ["".join(piece.decode() for piece in one.strings) for one in found]
        else:
            assert record["data"] in [one.to_text() for one in found]
    kinds = {(one["name"].split(".ac-exemple.fr")[0], one["type"]) for one in wanted}
    assert {("ac-exemple.fr", "MX"), ("ac-exemple.fr", "TXT"), ("_dmarc", "TXT"), ("s1._domainkey", "TXT")} <= kinds
    assert {("_imaps._tcp", "SRV"), ("_sieve._tcp", "SRV"), ("_caldavs._tcp", "TXT"), ("mta-sts", "CNAME")} <= kinds
    assert {("_smtp._tls", "TXT"), ("_mta-sts", "TXT"), ("autoconfig", "CNAME"), ("autodiscover", "CNAME")} <= kinds
    assert "ac-ancienne.fr" in {one["name"] for one in wanted if one["type"] == "MX"}


def test_the_exchange_is_bound_to_its_key(folder: Path, settings: Settings) -> None:
    command = "openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform DER"
    key = subprocess.run(command, shell=True, cwd=folder / "tls", check=True, capture_output=True).stdout
    (tlsa,) = [one for one in zone.records(settings) if one.kind == "TLSA"]
    assert (tlsa.name, tlsa.data) == (f"_25._tcp.{HOST}", f"3 1 1 {hashlib.sha256(key).hexdigest()}")


def test_the_key_is_that_of_what_the_exchange_presents(folder: Path, settings: Settings) -> None:
    """Who heeds DANE asks for the exchange by its name (RFC 7672 section 8.1); a further certificate may have it."""
    further = settings.certificate.parent / "sni" / "webmail.ac-exemple.fr"
    other = write_pair(further, "webmail.ac-exemple.fr", HOST)
    settings.certificate.with_name("next-key.pub.pem").write_bytes(public_half(certificate_key()))
    try:
        (tlsa,) = [one for one in zone.records(settings) if one.kind == "TLSA"]
        assert tlsa.data == f"3 1 1 {hashlib.sha256(spki(other)).hexdigest()}"
        other = write_pair(further, "webmail.ac-exemple.fr")
        current, _following = [one for one in zone.records(settings) if one.kind == "TLSA"]
        assert current.data != f"3 1 1 {hashlib.sha256(spki(other)).hexdigest()}"
    finally:
        shutil.rmtree(further.parent)
        settings.certificate.with_name("next-key.pub.pem").unlink()


def test_a_further_certificate_that_cannot_be_used_is_no_line_of_the_zone(folder: Path) -> None:
    further = folder / "tls" / "sni" / "webmail.ac-exemple.fr"
    write_pair(further, "webmail.ac-exemple.fr")
    (further / "key.pem").unlink()
    try:
        said = CliRunner().invoke(app, ["dns", str(folder)])
    finally:
        shutil.rmtree(further.parent)
    assert said.stdout == printed(folder)


def spki(certificate: x509.Certificate) -> bytes:
    public = certificate.public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def bad_dane(settings: Settings) -> list[tuple[str, str]]:
    found = published.examine_dns(settings)
    return [(one.grade.value, one.text.to("en")) for one in found if "TLSA" in one.text.to("en")]


def test_a_key_that_is_not_the_published_one(names: NameServer, settings: Settings) -> None:
    """Servers that heed DANE send nothing then; what somebody else's records say is not judged."""
    publish(names, settings)
    name = f"_25._tcp.{HOST}"
    (ours,) = [one.data for one in zone.records(settings) if one.kind == "TLSA"]
    names[name, "TLSA"] = [f"3 1 1 {'0' * 64}"]
    assert bad_dane(settings)[-1] == (
        "problem",
        f"{name} TLSA does not have the key of our certificate: other servers send us nothing",
    )
    names[name, "TLSA"] = [f"3 1 1 {'0' * 64}", ours]
    assert bad_dane(settings) == []
    names[name, "TLSA"] = [f"2 1 1 {'0' * 64}"]
    assert [grade for grade, _ in bad_dane(settings)] == ["warning"], "the line of what is useful"


def test_the_next_key_is_published_ahead(names: NameServer, settings: Settings) -> None:
    publish(names, settings)
    path = settings.certificate.with_name("next-key.pub.pem")
    path.write_bytes(public_half(certificate_key()))
    try:
        current, following = [one for one in zone.records(settings) if one.kind == "TLSA"]
        assert current.name == following.name
        name = f"_25._tcp.{HOST}"
        assert (
            "warning",
            f"{name} TLSA does not have the key of the next certificate yet",
        ) in bad_dane(settings)
        names[name, "TLSA"] = [current.data, following.data]
        assert bad_dane(settings) == []
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("smarthost", "record"),
    [
        ("", "v=spf1 mx -all"),
        ("relais.example.net:587", "v=spf1 mx a:relais.example.net -all"),
        ("192.0.2.25:25", "v=spf1 mx ip4:192.0.2.25 -all"),
        ("[2001:db8::25]:25", "v=spf1 mx ip6:2001:db8::25 -all"),
    ],
)
def test_who_sends(smarthost: str, record: str) -> None:
    assert zone.spf(Settings(domain="ac-exemple.fr", outbound=Outbound(smarthost=smarthost))) == record


def test_behind_a_proxy_the_hosts_are_to_be_named(settings: Settings) -> None:
    """Mail comes to the proxy and leaves from them: nobody but an operator knows where they are."""

    def notes(settings: Settings) -> list[str]:
        return [one.note.to("en") for one in zone.records(settings) if one.data.startswith("v=spf1")]

    proxied = settings.model_copy(update={"proxy": Proxy(networks=("192.0.2.10/32",))})
    assert notes(settings) == ["", ""]
    assert all("each of them" in note for note in notes(proxied))
    relayed = proxied.model_copy(update={"outbound": Outbound(smarthost="relais.example.net:587")})
    assert notes(relayed) == ["", ""]


def test_the_addresses_and_relays_that_send_are_named_once() -> None:
    outbound = Outbound.model_validate(
        {
            "source": ["192.0.2.10", "2001:db8::10"],
            "relays": [
                {"host": "relais.example.net:587"},
                {"host": "relais.example.net:25", "roles": ["pupil"], "source": "192.168.0.9"},
                {"host": "mx.voisine.fr:25", "recipients": ["voisine.fr"]},
                {"senders": ["ac-deux.fr"], "source": "192.0.2.10"},
            ],
        }
    )
    record = zone.spf(Settings(domain="ac-exemple.fr", outbound=outbound))
    assert record == "v=spf1 mx ip4:192.0.2.10 ip6:2001:db8::10 a:relais.example.net -all"
    many = [{"host": f"r{number}.example.net:25"} for number in range(12)]
    record = zone.spf(Settings(domain="ac-exemple.fr", outbound=Outbound.model_validate({"relays": many})))
    assert record.count("a:") == 8, "more look-ups than others make"


def test_the_addresses_that_send_want_their_names(names: NameServer, settings: Settings) -> None:
    """Those of `[outbound]`, else the one that is listened on; not a private one, nor that of a proxy's network."""
    listen = Listen(address="198.51.100.7")
    assert [one.line for one in zone.records(settings.model_copy(update={"listen": listen})) if one.kind == "PTR"] == [
        f"7.100.51.198.in-addr.arpa. IN PTR {HOST}."
    ]
    named = {"source_names": {"2001:db8::8": "sortie.ac-exemple.fr"}}
    lines = [one.line for one in zone.records(settings.model_copy(update={"outbound": Outbound.model_validate(named)}))]
    assert lines[-1] == "sortie.ac-exemple.fr. IN AAAA 2001:db8::8"
    assert lines[-2].endswith("8.b.d.0.1.0.0.2.ip6.arpa. IN PTR sortie.ac-exemple.fr.")
    outbound = Outbound.model_validate({"source": ["198.51.100.8", "fd00::8"]})
    settings = settings.model_copy(update={"listen": listen, "outbound": outbound})
    wanted = [one for one in zone.records(settings) if one.kind == "PTR"]
    assert [one.name for one in wanted] == ["8.100.51.198.in-addr.arpa"]
    publish(names, settings)

    def bad() -> list[str]:
        return [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK]

    assert bad() == ["8.100.51.198.in-addr.arpa has no PTR record"]
    names[wanted[0].name, "PTR"] = [f"{HOST}."]
    assert bad() == []
    names[HOST, "A"] = ["198.51.100.8"]
    assert bad() == [], "an address is looked at once"


def test_the_policy_has_another_id_once_it_changes() -> None:
    seen = {}
    for mode in ("testing", "enforce"):
        settings = Settings(domain="ac-exemple.fr", smtp=Smtp(mta_sts=mode))
        assert f"mode: {mode}\r\n" in zone.mta_sts_policy(settings)
        seen[mode] = [one.data for one in zone.records(settings) if one.name == "_mta-sts.ac-exemple.fr"]
    assert seen["testing"] != seen["enforce"]
    off = Settings(domain="ac-exemple.fr", smtp=Smtp(mta_sts="off"))
    assert not [one for one in zone.records(off) if "mta-sts" in one.name]


def test_reports_come_to_the_address_that_reads_them(names: NameServer, settings: Settings) -> None:
    settings = settings.model_copy(update={"reports": Reports(dmarc="dmarc@ac-exemple.fr", tls="tls@ac-exemple.fr")})
    wanted = {one.name: one for one in zone.records(settings)}
    assert wanted["_dmarc.ac-exemple.fr"].data.endswith("rua=mailto:dmarc@ac-exemple.fr")
    assert wanted["ac-ancienne.fr._report._dmarc.ac-exemple.fr"].data == "v=DMARC1"
    assert wanted["_smtp._tls.ac-exemple.fr"].needed
    publish(names, settings)
    names["_dmarc.ac-exemple.fr", "TXT"] = [b"v=DMARC1; p=reject; rua=mailto:ailleurs@example.org"]
    bad = [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    assert bad == ["_dmarc.ac-exemple.fr TXT is not ours"]


@pytest.mark.parametrize(
    ("published_record", "good"),
    [
        ("v=spf1 -all", False),
        ("v=spf1 ~mx -all", False),
        ("v=spf1 include:_spf.example -all", True),
        ("v=spf1 a -all", True),
    ],
)
def test_spf_that_lets_nobody_send(names: NameServer, settings: Settings, published_record: str, good: bool) -> None:
    publish(names, settings)
    names["ac-exemple.fr", "TXT"] = [published_record.encode()]
    bad = [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    assert bad == ([] if good else ["ac-exemple.fr TXT is not ours"])


@pytest.mark.parametrize(
    ("name", "ours", "before"),
    [
        ("ac-exemple.fr", "v=spf1", "v=spf1 include:_spf.ancien.example ~all"),
        ("_dmarc.ac-exemple.fr", "v=DMARC1", "v=DMARC1; p=none"),
        ("_smtp._tls.ac-exemple.fr", "v=TLSRPTv1", "v=TLSRPTv1;rua=mailto:tls@ancien.example"),
        ("_mta-sts.ac-exemple.fr", "v=STSv1", "v=STSv1; id=2019"),
    ],
)
def test_ours_beside_that_of_the_service_before(
    names: NameServer, settings: Settings, name: str, ours: str, before: str
) -> None:
    """Of two others heed neither: what was added is there, and all the same it counts for nothing."""
    publish(names, settings)
    names.known[name, "TXT"].append(b"another-service=1")
    assert [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK] == []
    names.known[name, "TXT"].append(before.encode())
    (bad,) = [one for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    assert bad.text.to("en") == f"{name} has 2 records {ours}: others heed none of them"
    assert bad.remedy.to("en") == "keep one of them"


def test_a_policy_that_others_still_keep(names: NameServer, settings: Settings) -> None:
    """An id of before, an exchanger that the policy does not name, a record without a policy."""

    def bad(mode: str) -> list[str]:
        changed = settings.model_copy(update={"smtp": Smtp.model_validate({"mta_sts": mode})})
        return [one.text.to("en") for one in published.examine_dns(changed) if one.grade is not Grade.OK]

    publish(names, settings)
    assert "_mta-sts.ac-exemple.fr TXT" in bad("enforce")[0]
    names["ac-exemple.fr", "MX"] = [f"10 {HOST}.", "20 ancien.example."]
    assert bad("enforce")[1].startswith("ac-exemple.fr MX: ancien.example is not in the policy")
    assert bad("testing") == []
    assert bad("off")[0].startswith("_mta-sts.ac-exemple.fr is published")


# ---------------------------------------------------------------------- what the world says


def publish(names: NameServer, settings: Settings) -> None:
    for one in zone.records(settings):
        if one.kind in ("MX", "TXT", "SRV", "CNAME", "TLSA"):
            names.known.setdefault((one.name, one.kind), []).append(
                one.data.encode() if one.kind == "TXT" else one.data
            )
    names[HOST, "A"] = ["192.0.2.11"]
    names["11.2.0.192.in-addr.arpa", "PTR"] = [f"{HOST}."]


def test_all_is_published(names: NameServer, settings: Settings) -> None:
    publish(names, settings)
    assert [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK] == []


def test_nothing_is_published(names: NameServer, settings: Settings) -> None:
    """What mail needs is named record by record, the rest in one line; each finding says what to do."""
    found = [one for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    needed = [one for one in zone.records(settings) if one.needed]
    assert len(found) == len(needed) + 2
    assert all(one.remedy.to("en") for one in found)
    assert "_imaps._tcp.ac-exemple.fr SRV" in found[-2].text.to("en")
    assert f"{HOST} has no A record" in found[-1].text.to("en")


def test_names_and_services_that_lead_elsewhere(names: NameServer, settings: Settings) -> None:
    """To the service of before; another name of our host, and a service that is said not to be there, are fine."""
    publish(names, settings)
    names["imap.ac-exemple.fr", "A"] = ["192.0.2.11"]
    names["_imaps._tcp.ac-exemple.fr", "SRV"] = ["0 1 993 imap.ac-exemple.fr."]
    names["_imap._tcp.ac-exemple.fr", "SRV"] = ["0 0 0 ."]
    del names.known["autoconfig.ac-exemple.fr", "CNAME"]
    names["autoconfig.ac-exemple.fr", "A"] = ["192.0.2.11"]
    assert [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK] == []
    names["ancien.example", "A"] = ["192.0.2.99"]
    names["_submissions._tcp.ac-exemple.fr", "SRV"] = ["0 1 465 ancien.example."]
    names["autoconfig.ac-exemple.fr", "A"] = ["192.0.2.99"]
    (bad,) = [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    assert bad.endswith("lead elsewhere: _submissions._tcp.ac-exemple.fr SRV, autoconfig.ac-exemple.fr CNAME")


def test_what_is_published_wrongly(names: NameServer, settings: Settings) -> None:
    publish(names, settings)
    names["s1._domainkey.ac-exemple.fr", "TXT"] = [b"v=DKIM1; k=rsa; p=AAAA"]
    names["ac-exemple.fr", "MX"] = ["10 ailleurs.example."]
    names["_dmarc.ac-exemple.fr", "TXT"] = [b"v=DMARC1; p=reject"]
    names["11.2.0.192.in-addr.arpa", "PTR"] = ["box-11.example."]
    names.moods["ac-ancienne.fr"] = "broken"
    bad = [one.text.to("en") for one in published.examine_dns(settings) if one.grade is not Grade.OK]
    assert len(bad) == 5
    assert "s1._domainkey.ac-exemple.fr TXT is not ours" in bad
    assert "192.0.2.11 does not have the name mail.ac-exemple.fr" in bad
