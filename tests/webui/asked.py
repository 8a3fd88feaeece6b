"""Somebody who has been asked three things by a colleague, and whose complete interface is open."""

from playwright.sync_api import Page, expect

from mailserver.model.identity import Principal
from tests.webui.browser import log_in
from tests.webui.house import House, mail

_counter: list[int] = []


def somebody_asked(house: House, colleague: Principal, body: str) -> Principal:
    """Somebody new with three messages, "Sujet 0" to "Sujet 2"; `{number}` in the body is which one it is."""
    _counter.append(0)
    made = house.person("Paul", f"Interroge-{len(_counter)}")
    sender = f"{colleague.given_name} <{colleague.address}>"
    for number in range(3):
        text = body.format(number=number)
        house.deliver(made, mail(f"Sujet {number}", sender=sender, to=made.address, body=text))
    return made


def enter(page: Page, house: House, person: Principal) -> None:
    """Log in, and wait until the list's script has come."""
    log_in(page, house, person.login, "complet")
    expect(page.locator("#cocher input")).to_have_count(1)
