"""A certificate authority that is asked by ACME: its account, an order, proofs, the certificate.

Everything here waits for the network and belongs into a thread. What the authority says is bounded in octets and time.
"""

import base64
import datetime
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import josepy
import requests
import structlog
from acme import challenges, client, crypto_util, errors, messages
from cryptography import x509
from josepy import json_util
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from mailserver import __version__
from mailserver.certificates.bounded_http import BoundedAdapter
from mailserver.certificates.faults import Fault, NotObtained
from mailserver.certificates.proofs import ACCOUNT_KEY, BINDING_KEY, TOKEN, Proof
from mailserver.foundation.settings import Settings, SettingsError

log = structlog.get_logger("certificates")

PROOF_SECONDS = 120
"""Until it has looked at every proof."""
ISSUE_SECONDS = 120
"""Until it has signed."""
LIMITED = "rateLimited"


class _NewOrder(messages.NewOrder):
    """With what an authority that is asked for renewals wants to know (RFC 9773 section 5)."""

    replaces: str = json_util.field("replaces", omitempty=True)


class _Client(client.ClientV2):
    """The library's, whose orders say what they replace."""

    replaces = ""

    def _post(self, url: str, obj: Any, *args: Any, **kwargs: Any) -> requests.Response:
        if self.replaces and isinstance(obj, messages.NewOrder):
            obj = _NewOrder(**obj, replaces=self.replaces)
        return super()._post(url, obj, *args, **kwargs)


class Authority:
    """One session with an authority, for one account."""

    def __init__(self, settings: Settings, *, staging: bool = False) -> None:
        """Raises NotObtained when the settings do not allow it."""
        self._settings = settings
        self._terms = settings.acme
        self._url = self._terms.staging if staging else self._terms.directory
        if not self._url:
            raise NotObtained(Fault.SETTINGS, "[acme] staging" if staging else "[acme] directory")
        self._key = _account_key(settings)
        network = client.ClientNetwork(
            self._key,
            alg=ES256,
            user_agent=f"mailserver/{__version__}",
            verify_ssl=self._terms.ca_file or True,  # type: ignore[arg-type]
        )
        self._bounds = BoundedAdapter()
        for prefix in ("https://", "http://"):
            network.session.mount(prefix, self._bounds)
        self._network = network
        self._client: _Client | None = None
        self._order: messages.OrderResource | None = None

    def end_within(self, seconds: float) -> None:
        """What is asked from now on ends by then, whatever the authority does."""
        self._bounds.until = time.monotonic() + seconds

    def enter(self) -> None:
        """Read the directory, and find our account there or make it. Raises NotObtained."""
        with _faults():
            directory = client.ClientV2.get_directory(self._url, self._network)
            self._client = _Client(directory, self._network)
            if not self._terms.agree_to_terms:
                raise NotObtained(Fault.TERMS, _terms_of(directory))
            contact = (f"mailto:{self._terms.email}",) if self._terms.email else ()
            wanted = messages.NewRegistration(
                key=self._key.public_key(),
                contact=contact,
                terms_of_service_agreed=True,
                external_account_binding=self._binding(directory),
            )
            try:
                self._client.new_account(wanted)
            except errors.ConflictError as there:
                known = messages.RegistrationResource(
                    uri=there.location, body=messages.Registration(key=self._key.public_key())
                )
                account = self._client.query_registration(known)
                if tuple(account.body.contact) != contact:
                    self._client.update_registration(
                        known, messages.Registration(key=self._key.public_key(), contact=contact)
                    )

    def order(self, key: bytes, names: tuple[str, ...], before: str = "") -> list[Proof]:
        """Ask for a certificate of these names; what is to be published first. `before`: the one that it replaces, with
        its chain. Raises NotObtained."""
        with _faults():
            request = crypto_util.make_csr(key, domains=list(names))
            self._order = self._ordered(request, before)
            return [
                self._proof(authorization, names)
                for authorization in self._order.authorizations
                if authorization.body.status != messages.STATUS_VALID
            ]

    def _ordered(self, request: bytes, before: str) -> messages.OrderResource:
        """One that does not know the certificate of before, or another order for it, is asked without it."""
        asked = self._entered()
        asked.replaces = _name_of(before) if before and _knows_renewals(asked.directory) else ""
        try:
            return asked.new_order(request)
        except (messages.Error, errors.ConflictError) as error:  # 409: it was replaced already
            if not asked.replaces or getattr(error, "code", "") == LIMITED:
                raise
            log.info("the authority takes no order that replaces the certificate", why=str(error) or "conflict")
        asked.replaces = ""
        return asked.new_order(request)

    def _proof(self, authorization: messages.AuthorizationResource, names: tuple[str, ...]) -> Proof:
        """It goes to the operator's program and the store: nothing is in it that we did not ask for."""
        challenge = self._challenge(authorization)
        name, token = authorization.body.identifier.value.lower(), challenge.chall.encode("token")
        if name not in {one.removeprefix("*.") for one in names} or not TOKEN.fullmatch(token):
            raise NotObtained(Fault.REFUSED, f"{name}, {token}")
        return Proof(name, token, challenge.chall.validation(self._key))

    def prove(self) -> None:
        """Everything is published: let the authority look, and wait for what it says. Raises NotObtained."""
        with _faults():
            asked = self._entered()
            assert self._order is not None
            for authorization in self._order.authorizations:
                if authorization.body.status != messages.STATUS_VALID:
                    challenge = self._challenge(authorization)
                    asked.answer_challenge(challenge, challenge.chall.response(self._key))
            self._order = asked.poll_authorizations(self._order, _deadline(PROOF_SECONDS))

    def issue(self) -> str:
        """The certificate with its chain, as PEM. Raises NotObtained."""
        with _faults():
            assert self._order is not None
            done = self._entered().finalize_order(self._order, _deadline(ISSUE_SECONDS))
            return str(done.fullchain_pem)

    def wanted_renewal(self, chain: str) -> tuple[float | None, float]:
        """When the authority wants this certificate to be renewed (RFC 9773; None: it does not say), and in how many
        seconds it wants to be asked again. Raises NotObtained."""
        with _faults():
            directory = client.ClientV2.get_directory(self._url, self._network)
            at, again = client.ClientV2(directory, self._network).renewal_time(chain.encode())
            seconds = (again - datetime.datetime.now()).total_seconds()
            return None if at is None else at.timestamp(), seconds

    def close(self) -> None:
        """End the connections."""
        self._network.session.close()

    def _entered(self) -> _Client:
        assert self._client is not None
        return self._client

    def _challenge(self, authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
        kind = challenges.HTTP01 if self._terms.challenge == "http-01" else challenges.DNS01
        for one in authorization.body.challenges:
            if isinstance(one.chall, kind):
                return one
        raise NotObtained(Fault.REFUSED, f"{authorization.body.identifier.value}: no {self._terms.challenge}")

    def _binding(self, directory: messages.Directory) -> dict[str, Any] | None:
        """What ties our account to one that the authority knows otherwise (RFC 8555 section 7.3.4)."""
        if not self._terms.eab_kid:
            if getattr(directory.meta, "external_account_required", False):
                raise NotObtained(Fault.SETTINGS, "[acme] eab_kid")
            return None
        try:
            key = self._settings.secret(BINDING_KEY).decode("ascii")
            return messages.ExternalAccountBinding.from_data(
                self._key.public_key(), self._terms.eab_kid, key, directory
            )
        except (SettingsError, ValueError, josepy.errors.Error) as error:
            raise NotObtained(Fault.SETTINGS, f"secrets/{BINDING_KEY}: {error}") from None


@contextmanager
def _faults() -> Iterator[None]:
    """What the library raises, as why there is no certificate."""
    try:
        yield
    except NotObtained:
        raise
    except messages.Error as error:
        fault = Fault.LIMITED if error.code == LIMITED else Fault.REFUSED
        raise NotObtained(fault, str(error)) from error
    except errors.ValidationError as error:
        raise NotObtained(Fault.CHALLENGE, _refused(error)) from error
    except errors.IssuanceError as error:
        raise NotObtained(Fault.REFUSED, str(error.error)) from error
    except errors.TimeoutError as error:
        raise NotObtained(Fault.LATE) from error
    except errors.ARIError as error:
        raise NotObtained(Fault.UNREACHABLE, str(error.__cause__ or error)) from error
    except (requests.RequestException, errors.Error, josepy.errors.Error, OSError) as error:
        raise NotObtained(Fault.UNREACHABLE, str(error) or type(error).__name__) from error
    except (ValueError, KeyError, AttributeError, TypeError, OverflowError, x509.ExtensionNotFound) as error:
        # An authority whose answers have another form than RFC 8555 says: the library does not look at each.
        log.warning("an answer of the authority was not understood", exc_info=True)
        raise NotObtained(Fault.UNREACHABLE, f"{type(error).__name__}: {error}") from error


def _knows_renewals(directory: messages.Directory) -> bool:
    try:
        return bool(directory["renewalInfo"])
    except KeyError:
        return False


def _name_of(chain: str) -> str:
    """How an authority names a certificate of its own (RFC 9773 section 4.1); empty: it says not whose it is."""
    certificate = x509.load_pem_x509_certificate(chain.encode())
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    number = certificate.serial_number
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")  # as in the certificate: with a bit for its sign
    parts = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer or b"", octets))
    return ".".join(parts) if issuer else ""


def _refused(error: errors.ValidationError) -> str:
    """Each name with what the authority saw."""
    return "; ".join(
        f"{one.body.identifier.value}: {challenge.error.detail or challenge.error}"
        for one in error.failed_authzrs
        for challenge in one.body.challenges
        if challenge.error is not None
    )


def _terms_of(directory: messages.Directory) -> str:
    try:
        return directory.meta.terms_of_service or ""
    except AttributeError:
        return ""


def _deadline(seconds: int) -> datetime.datetime:
    return datetime.datetime.now() + datetime.timedelta(seconds=seconds)


def _account_key(settings: Settings) -> JWKEC:
    try:
        loaded = JWKEC.load(settings.secret(ACCOUNT_KEY))
    except SettingsError:
        raise NotObtained(Fault.ACCOUNT) from None
    except (ValueError, TypeError, josepy.errors.Error):
        loaded = None
    if not isinstance(loaded, JWKEC):
        raise NotObtained(Fault.SETTINGS, f"secrets/{ACCOUNT_KEY}")
    return loaded
