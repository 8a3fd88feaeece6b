"""A password is chosen: the rules as the page shows them, the form, and the change by somebody who is logged in."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.foundation.settings import Passwords
from mailserver.login.passwords import policy
from mailserver.login.passwords.policy import Weakness, WeakPassword
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account import sessions
from webui.account.security.password_feedback import MAX_PASSWORD, explained
from webui.account.session.session_start import wait_text, waiting_seconds
from webui.installed.push import browser
from webui.page.context import BASES, SESSION, Guest, Services, Visit, set_cookie
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the password, and whether the last attempt broke it."""

    code: str
    text: str
    broken: bool


@dataclass(frozen=True, slots=True)
class ChoosePage:
    """A new password, for somebody who has proven who they are and is not in yet."""

    action: str
    """Where the form goes."""
    name: str
    login: str
    address: str
    sealed: str
    rules: tuple[Rule, ...]
    academic: bool
    """The rules of the profile `academie`: the advice beside them differs."""
    first: bool
    """The account is being activated."""
    fault: str = ""
    again_fault: str = ""

    @classmethod
    def after(
        cls,
        services: Services,
        guest: Guest,
        principal: Principal,
        action: str,
        sealed: str,
        refusal: Refused | None = None,
        fault: str = "",
        again_fault: str = "",
    ) -> "ChoosePage":
        """The form as it stands after an attempt, or for the first time."""
        passwords = services.settings.passwords
        return cls(
            action,
            principal.name,
            principal.login,
            principal.address,
            sealed,
            rules(guest, passwords, refusal),
            passwords.profile == "academie",
            action == "/activation",
            fault,
            again_fault,
        )


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """A new password for somebody who is logged in. Without a frame it is the only page that is open."""

    frame: MailShell | None
    name: str
    login: str
    rules: tuple[Rule, ...]
    read_only: bool
    until: str
    """The day before which the present one must be renewed; empty: none."""
    factor_on: bool
    old_fault: str = ""
    fault: str = ""
    again_fault: str = ""


def choose_page(services: Services, guest: Guest, page: ChoosePage) -> Response:
    """The form for a new password, with what was wrong with the last one."""
    return services.pages.answer(
        guest, "account/security/choose.html", page, 422 if page.fault or page.again_fault else 200
    )


# ---------------------------------------------------------------------- a new password


async def show_password(services: Services, visit: Visit) -> Response:
    """GET /compte/mot-de-passe."""
    return await _password_page(services, visit)


async def _password_page(
    services: Services,
    visit: Visit,
    refusal: Refused | None = None,
    fault: str = "",
    old_fault: str = "",
    again_fault: str = "",
    status: int = 200,
) -> Response:
    frame = None
    if not visit.must_renew:
        frame = await surroundings(services, visit)
    page = PasswordPage(
        frame,
        visit.principal.name,
        visit.principal.login,
        rules(visit, services.settings.passwords, refusal),
        services.directory.read_only,
        visit.language.plain_date(visit.renew_before) if visit.renew_before else "",
        visit.session.factor_on,
        old_fault,
        fault,
        again_fault,
    )
    return services.pages.answer(visit, "account/security/password.html", page, status)


async def change_password(services: Services, visit: Visit) -> Response:
    """POST /compte/mot-de-passe: the old one is asked again, other sessions end."""
    form = visit.form
    new, again = form.text("nouveau")[:MAX_PASSWORD], form.text("encore")[:MAX_PASSWORD]
    if new != again:
        fault = visit._("Les deux mots de passe sont différents.")
        return await _password_page(services, visit, again_fault=fault, status=422)
    old = Secret(form.text("actuel")[:MAX_PASSWORD])
    try:
        principal = await services.login.choosing.change_password(visit.principal, old, Secret(new), visit.peer, "web")
    except Refused as refusal:
        match refusal.reason:
            case Reason.WEAK_PASSWORD:
                fault = await explained(services, visit, new, refusal)
                return await _password_page(services, visit, refusal, fault, status=422)
            case Reason.AUTHENTICATION:
                return await _password_page(
                    services, visit, old_fault=visit._("Ce n’est pas votre mot de passe actuel."), status=422
                )
            case Reason.THROTTLED:
                text = wait_text(visit, waiting_seconds(refusal))
                return await _password_page(services, visit, old_fault=text, status=429)
            case _:
                raise
    await services.store.write(sessions.close_all, visit.account_id)
    await browser.alone(services, visit)
    token = services.keys.new_token()
    await services.store.write(
        sessions.open_session,
        services.keys.stored(token),
        principal.account_id,
        principal.login_version,
        visit.session.lifetime,
        visit.session.interface,
        visit.peer,
        visit.request.headers.get("user-agent", ""),
        # It is no login: nobody was asked for a code, which the console takes a new session for.
        visit.session.created,
    )
    # Who had to renew first was on the way to the mail.
    base = BASES[visit.session.interface]
    response = redirect(visit, f"{base}/" if visit.must_renew else f"{base}/reglages", **done("motdepasse"))
    set_cookie(response, visit, SESSION, token)
    return response


# ---------------------------------------------------------------------- words


def rules(guest: Guest, passwords: Passwords, refusal: Refused | None) -> tuple[Rule, ...]:
    """The rules of the profile, those that the refused password broke marked."""
    _ = guest._
    broken = refusal.broken if isinstance(refusal, WeakPassword) else ()
    words = {
        Weakness.TOO_SHORT: ("longueur", _("Au moins 8 caractères (12 ou plus conseillés)")),
        Weakness.NO_LOWER: ("minuscule", _("Une lettre minuscule")),
        Weakness.NO_UPPER: ("majuscule", _("Une lettre majuscule")),
        Weakness.NO_DIGIT: ("chiffre", _("Un chiffre")),
        Weakness.NO_SPECIAL: ("special", _("Un caractère spécial, par exemple ! ? - _ €")),
        Weakness.TOO_SIMPLE: (
            "force",
            _("12 caractères (minuscule, majuscule, chiffre, signe), 14 de trois sortes, ou une phrase de 7 mots"),
        ),
        Weakness.OWN: ("personnel", _("Ni votre nom, ni votre date de naissance, ni votre NUMEN")),
        Weakness.WORD: ("dictionnaire", _("Pas fait surtout d’un mot du dictionnaire (vérifié par le serveur)")),
        Weakness.GUESSABLE: ("devinable", _("Pas facile à deviner (vérifié par le serveur)")),
        Weakness.KNOWN: ("connu", _("Pas un mot de passe que tout le monde connaît (vérifié par le serveur)")),
        Weakness.FORMER: ("ancien", _("Aucun de vos derniers mots de passe (vérifié par le serveur)")),
    }
    return tuple(
        Rule(*words[weakness], weakness in broken) for weakness in policy.rules(passwords) if weakness in words
    )
