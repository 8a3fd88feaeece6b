"""What mail programs and phones are told: a page for people, and answers for programs that ask by themselves.

Thunderbird and others fetch Mozilla's `config-v1.1.xml` (draft-ietf-mailmaint-autoconfig), Outlook posts an
Autodiscover request ([MS-OXDSCLI], the POX schema), Apple's devices open a `.mobileconfig` profile. None of them holds
a password, and none tells who exists: they repeat the address that was asked for.
"""

import plistlib
import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from mailserver.foundation.settings import Settings
from mailserver.model.identity import Principal
from webui.account.security.second_factor import drawing
from webui.http import headers
from webui.page.context import Services, Visit
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.public.pages import AddressesPage, addresses

MAX_REQUEST = 8 * 1024
"""Octets of an Autodiscover request."""
_ASKED = re.compile(r"<EMailAddress>\s*([^<>\s]{3,320})\s*</EMailAddress>", re.IGNORECASE)
_POX = "http://schemas.microsoft.com/exchange/autodiscover"


@dataclass(frozen=True, slots=True)
class ClientsPage:
    """The settings of other programs, with the addresses and ports of this instance."""

    frame: MailShell
    at: AddressesPage
    dav: str
    page: str
    """Address of this page for a phone."""
    qr: str


async def show_clients(services: Services, visit: Visit) -> Response:
    """GET /reglages/logiciels."""
    at = addresses(services.settings)
    base = web_address(services.settings)
    own = f"{base}{visit.base}/reglages/logiciels"
    page = ClientsPage(await surroundings(services, visit), at, f"{base}/dav/", own, drawing(own))
    return services.pages.answer(visit, "account/settings/clients.html", page)


def web_address(settings: Settings) -> str:
    """Where people find the web interface, without a slash at the end."""
    if settings.web.url:
        return settings.web.url.rstrip("/")
    port = settings.listen.https
    return f"https://{settings.name}" + ("" if port == 443 else f":{port}")


# ---------------------------------------------------------------------- Thunderbird and others


def routes(services: Services) -> list[Route]:
    """What programs ask for, without a session."""
    settings = services.settings

    async def mozilla(_request: Request) -> Response:
        return _xml(autoconfig(settings))

    async def outlook(request: Request) -> Response:
        octets = b""
        try:
            async for chunk in request.stream():
                octets += chunk
                if len(octets) > MAX_REQUEST:
                    return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        found = _ASKED.search(octets.decode("utf-8", "replace"))
        return _xml(autodiscover(settings, found[1])) if found else Response(status_code=400)

    return [
        Route("/.well-known/autoconfig/mail/config-v1.1.xml", mozilla),
        Route("/mail/config-v1.1.xml", mozilla),
        Route("/autodiscover/autodiscover.xml", outlook, methods=["POST"]),
        Route("/Autodiscover/Autodiscover.xml", outlook, methods=["POST"]),
    ]


def _xml(text: str) -> Response:
    return Response(
        text,
        media_type="application/xml",
        headers={"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"},
    )


def autoconfig(settings: Settings) -> str:
    """Mozilla's `config-v1.1.xml`: the safest way first, which is the one that programs take."""
    at, domain, academy = addresses(settings), escape(settings.domain), escape(settings.web.academy)
    dav = escape(web_address(settings)) + "/dav/"

    def server(kind: str, role: str, port: int, security: str) -> str:
        return (
            f'    <{role} type="{kind}">\n      <hostname>{escape(at.host)}</hostname>\n      <port>{port}</port>\n'
            f"      <socketType>{security}</socketType>\n      <username>%EMAILADDRESS%</username>\n"
            f"      <authentication>password-cleartext</authentication>\n    </{role}>\n"
        )

    servers = (
        server("imap", "incomingServer", at.imaps, "SSL")
        + server("imap", "incomingServer", at.imap, "STARTTLS")
        + server("smtp", "outgoingServer", at.submissions, "SSL")
        + server("smtp", "outgoingServer", at.submission, "STARTTLS")
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<clientConfig version="1.1">\n'
        f'  <emailProvider id="{domain}">\n    <domain>{domain}</domain>\n    <displayName>{academy}</displayName>\n'
        f"    <displayShortName>{academy}</displayShortName>\n{servers}  </emailProvider>\n"
        f'  <addressBook type="carddav">\n    <username>%EMAILADDRESS%</username>\n    <serverURL>{dav}</serverURL>\n'
        "    <authentication>http-basic</authentication>\n  </addressBook>\n"
        f'  <calendar type="caldav">\n    <username>%EMAILADDRESS%</username>\n    <serverURL>{dav}</serverURL>\n'
        "    <authentication>http-basic</authentication>\n  </calendar>\n</clientConfig>\n"
    )


def autodiscover(settings: Settings, address: str) -> str:
    """Outlook's answer for the address it asked about."""
    at = addresses(settings)

    def protocol(kind: str, port: int) -> str:
        return (
            f"      <Protocol><Type>{kind}</Type><Server>{escape(at.host)}</Server><Port>{port}</Port>"
            f"<LoginName>{escape(address)}</LoginName><SPA>off</SPA><SSL>on</SSL><AuthRequired>on</AuthRequired>"
            "</Protocol>\n"
        )

    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<Autodiscover xmlns="{_POX}/responseschema/2006">\n  <Response xmlns="{_POX}/outlook/responseschema/2006a">\n'
        "    <Account>\n      <AccountType>email</AccountType>\n      <Action>settings</Action>\n"
        f"{protocol('IMAP', at.imaps)}{protocol('SMTP', at.submissions)}"
        "    </Account>\n  </Response>\n</Autodiscover>\n"
    )


# ---------------------------------------------------------------------- Apple


async def profile(services: Services, visit: Visit) -> Response:
    """GET /reglages/logiciels/profil: the person's accounts for an iPhone, an iPad or a Mac, without a password."""
    octets = plistlib.dumps(apple(services.settings, visit.principal, visit._("Messagerie académique")))
    fields = headers.download(visit.secure, "application/octet-stream", "messagerie.mobileconfig")
    # Ours, and no message's attachment: the type that makes a device offer to install it.
    return Response(octets, 200, {**fields, "Content-Type": "application/x-apple-aspen-config"})


def apple(settings: Settings, person: Principal, title: str) -> dict[str, Any]:
    """The profile's content (Apple, Configuration Profile Reference)."""
    at, base = addresses(settings), urlsplit(web_address(settings))
    names = f"{settings.domain}/{person.account_id}"

    def payload(kind: str, **more: Any) -> dict[str, Any]:
        return {
            "PayloadType": kind,
            "PayloadVersion": 1,
            "PayloadIdentifier": f"{settings.domain}.{kind}",
            "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{names}/{kind}")).upper(),
            "PayloadDisplayName": title,
            **more,
        }

    def dav(kind: str, short: str) -> dict[str, Any]:
        return payload(
            kind,
            **{
                f"{short}AccountDescription": settings.web.academy,
                f"{short}HostName": base.hostname or at.host,
                f"{short}Port": base.port or 443,
                f"{short}PrincipalURL": "/dav/",
                f"{short}UseSSL": True,
                f"{short}Username": person.login,
            },
        )

    mail = payload(
        "com.apple.mail.managed",
        EmailAccountType="EmailTypeIMAP",
        EmailAccountDescription=settings.web.academy,
        EmailAccountName=person.name,
        EmailAddress=person.address,
        IncomingMailServerAuthentication="EmailAuthPassword",
        IncomingMailServerHostName=at.host,
        IncomingMailServerPortNumber=at.imaps,
        IncomingMailServerUseSSL=True,
        IncomingMailServerUsername=person.login,
        OutgoingMailServerAuthentication="EmailAuthPassword",
        OutgoingMailServerHostName=at.host,
        OutgoingMailServerPortNumber=at.submissions,
        OutgoingMailServerUseSSL=True,
        OutgoingMailServerUsername=person.login,
        OutgoingPasswordSameAsIncomingPassword=True,
    )
    return payload(
        "Configuration",
        PayloadOrganization=settings.web.academy,
        PayloadContent=[mail, dav("com.apple.caldav.account", "CalDAV"), dav("com.apple.carddav.account", "CardDAV")],
    )
