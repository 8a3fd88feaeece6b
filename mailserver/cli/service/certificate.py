"""`mailserver certificate`: the certificates in use; obtain and renew one by ACME."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mailserver.certificates import schedule
from mailserver.certificates.faults import Fault, NotObtained, said
from mailserver.certificates.obtaining import Held, Obtaining
from mailserver.certificates.proofs import ACCOUNT_KEY, new_key
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, log_aside, settings_of, with_help, with_store
from mailserver.foundation import instance_lock
from mailserver.foundation.ownership import give_to_owner
from mailserver.foundation.served_certificates import files_of
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.tls import Pair, is_ours, read_pair, write_secret
from mailserver.store.engine.transactions import Store
from mailserver.texts.command_line import LANGUAGE, _, of_error
from mailserver.texts.languages import ENGLISH

app = typer.Typer(no_args_is_help=True)

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help=_("Tout essayer auprès de acme.staging ; rien n’est gardé.")),
]


@app.command()
@with_help(_("Montrer les certificats en service, leurs noms et leur fin, et où en est le renouvellement."))
def show(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show the certificates that doors present, and how renewal goes."""
    settings = settings_of(directory)
    found = [_described(settings, "", settings.certificate, settings.private_key)]
    found += [_described(settings, name, *paths) for name, paths in files_of(settings.certificate).items()]
    renewal = _renewal(settings)
    if as_json:
        print(json.dumps({"certificates": found, "acme": renewal}, ensure_ascii=False))
        return
    for one in found:
        _tell(one)
    _tell_renewal(renewal)


@app.command()
@with_help(
    _(
        "Demander un certificat par ACME pour les noms de acme.names, et le mettre en service.\n\n"
        "La première fois, crée la clé du compte (secrets/acme-account.pem). Le service doit tourner pour http-01 : "
        "c’est lui qui répond à l’autorité."
    )
)
def request(directory: InstanceDir, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Obtain a certificate now."""
    settings = settings_of(directory)
    _check(settings, as_json=as_json)
    _account_key(settings)
    _obtain(settings, dry_run=dry_run, as_json=as_json)


@app.command()
@with_help(_("Renouveler le certificat par ACME si son heure est venue ; le service le fait aussi de lui-même."))
def renew(
    directory: InstanceDir,
    dry_run: DryRun = False,
    force: Annotated[bool, typer.Option("--force", help=_("Même si son heure n’est pas venue."))] = False,
    fresh_key: Annotated[
        bool,
        typer.Option("--new-key", help=_("Aussitôt, et pour une autre clé : d’autres ont peut-être celle-ci.")),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Renew the certificate if its time has come."""
    settings = settings_of(directory)
    _check(settings, as_json=as_json)

    async def is_wanted(store: Store) -> bool:
        obtaining = Obtaining(settings=settings, store=store, clock=store.clock)
        held = await obtaining.held()
        return schedule.is_wanted(held.row, held.pair, obtaining.names, store.clock.now())

    if not (dry_run or force or fresh_key) and not with_store(settings, is_wanted):
        if as_json:
            print(json.dumps({"obtained": False}))
        else:
            print(_("Rien à renouveler : son heure n’est pas venue."))
        return
    _obtain(settings, dry_run=dry_run, fresh_key=fresh_key, as_json=as_json)


# ---------------------------------------------------------------------- asking


def _check(settings: Settings, *, as_json: bool) -> None:
    """What can be said before anybody is asked, and anything made."""
    if not settings.acme.agree_to_terms:
        _refused(NotObtained(Fault.TERMS), as_json=as_json)
    if settings.acme.challenge == "http-01" and not instance_lock.is_served(settings.directory):
        fail(_("l’instance ne tourne pas : personne ne répondrait à l’autorité (http-01)"), 1)


def _account_key(settings: Settings) -> None:
    path = settings.secrets / ACCOUNT_KEY
    if not settings.has_secret(ACCOUNT_KEY):
        write_secret(path, new_key())
        give_to_owner(path, path.parent)


def _obtain(settings: Settings, *, dry_run: bool, as_json: bool, fresh_key: bool = False) -> None:
    log_aside()

    async def work(store: Store) -> Pair | None:
        obtaining = Obtaining(settings=settings, store=store, clock=store.clock)
        if dry_run:
            await obtaining.try_staging()
            return None
        pair = await obtaining.obtain(fresh_key=fresh_key)
        await obtaining.install()
        return pair

    try:
        pair = with_store(settings, work)
    except NotObtained as problem:
        _refused(problem, as_json=as_json)
    if as_json:
        print(json.dumps({"obtained": pair is not None, "dry_run": dry_run, "ends": _end(pair)}))
    elif pair is None:
        print(_("L’essai a réussi : l’autorité délivrerait le certificat. Rien n’a été gardé."))
    else:
        names = ", ".join(sorted(pair.names))
        print(_("Certificat obtenu pour {names}, valable jusqu’au {end}.", names=names, end=_end(pair)))


def _refused(problem: NotObtained, *, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"obtained": False, "fault": problem.fault.value, "detail": problem.detail}))
    fail(problem.text.to(LANGUAGE), 2 if problem.fault in (Fault.SETTINGS, Fault.TERMS, Fault.ACCOUNT) else 1)


def _end(pair: Pair | None) -> str:
    return "" if pair is None else date(int(pair.ends.timestamp()))


# ---------------------------------------------------------------------- showing


def _described(settings: Settings, name: str, certificate: Path, key: Path) -> dict[str, object]:
    facts: dict[str, object] = {"host": name or settings.name, "file": str(certificate)}
    try:
        pair = read_pair(certificate, key)
    except SettingsError as error:
        return {**facts, "error": error.text.to(ENGLISH)}
    leaf = x509.load_pem_x509_certificate(pair.chain)
    public = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        **facts,
        "names": sorted(pair.names),
        "issuer": leaf.issuer.rfc4514_string(),
        "own_authority": is_ours(certificate, pair.chain),
        "serial": f"{leaf.serial_number:x}",
        "begins": date(int(pair.begins.timestamp())),
        "ends": _end(pair),
        "tlsa": f"3 1 1 {hashlib.sha256(public).hexdigest()}",
    }


def _renewal(settings: Settings) -> dict[str, object]:
    terms = settings.acme
    facts: dict[str, object] = {"agreed": terms.agree_to_terms, "directory": terms.directory}
    if not terms.agree_to_terms:
        return facts

    async def work(store: Store) -> tuple[Held, tuple[str, ...]]:
        obtaining = Obtaining(settings=settings, store=store, clock=store.clock)
        return await obtaining.held(), obtaining.names

    try:
        held, names = with_store(settings, work)
    except SettingsError as error:
        fail(of_error(error))
    row, pair = held.row, held.pair
    account = settings.has_secret(ACCOUNT_KEY)
    return {
        **facts,
        "account": account,
        "names": list(names),
        "number": row.number,
        "renews": date(row.renew if pair is None else min(row.renew, schedule.latest(pair))),
        "failures": row.failures,
        "failed": date(row.failed),
        "fault": row.fault,
        "detail": row.detail,
        "next_attempt": date(row.due),
    }


def _tell(one: dict[str, object]) -> None:
    if "error" in one:
        print(_("{host} : {error}", host=one["host"], error=one["error"]))
        return
    names = one["names"]
    assert isinstance(names, list)
    told = {**one, "names": ", ".join(names)}
    print(_("{host} : {names}\n  de {issuer}, du {begins} au {ends}\n  TLSA {tlsa}", **told))


def _tell_renewal(renewal: dict[str, object]) -> None:
    if not renewal["agreed"]:
        print(_("ACME n’est pas utilisé ([acme] agree_to_terms)."))
        return
    print(_("ACME : {directory}", directory=renewal["directory"]))
    if not renewal["account"]:
        print("  " + _("rien n’a encore été demandé : `mailserver certificate request`"))
    if renewal["number"]:
        print("  " + _("renouvellement prévu le {renews}", renews=renewal["renews"]))
    if renewal["failures"]:
        why = said(str(renewal["fault"]), str(renewal["detail"])).to(LANGUAGE)
        print(
            "  "
            + _(
                "{failures} échecs, le dernier le {failed} : {why} ; prochain essai le {next}",
                failures=renewal["failures"],
                failed=renewal["failed"],
                why=why,
                next=renewal["next_attempt"],
            )
        )
