"""The password is asked again before mail goes where it has not gone: who found a session open must not read along."""

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.session.session_start import wait_text, waiting_seconds
from webui.page.context import Services, Visit


async def prove(services: Services, visit: Visit) -> tuple[str, int]:
    """What is wrong with the password that was posted, and the status that says so; empty: it is the right one."""
    secret = Secret(visit.form.text("actuel")[:MAX_PASSWORD])
    try:
        await services.login.prove_again(visit.principal, secret, None, visit.peer)
    except Refused as refusal:
        if refusal.reason is Reason.THROTTLED:
            return wait_text(visit, waiting_seconds(refusal)), 429
        return visit._("Ce n’est pas votre mot de passe actuel."), 422
    return "", 200
