"""Why a request is refused, as WebDAV names it: the precondition that is not met (RFC 4918 section 16)."""

from http import HTTPStatus

from mailserver.model.errors import BadSyntax, Reason, Refused


class Unmet(Refused):
    """A condition that a request must meet, by its prefixed name, like `C:valid-calendar-data`."""

    def __init__(self, condition: str, status: HTTPStatus = HTTPStatus.FORBIDDEN) -> None:
        super().__init__(Reason.FORBIDDEN, condition.partition(":")[2])
        self.condition = condition
        self.status = status


class InvalidFilter(BadSyntax):
    """A query whose conditions make no sense (RFC 4791 section 7.8, RFC 6352 section 8.6)."""

    def __init__(self, text: str, *, of_cards: bool = False) -> None:
        super().__init__(text)
        self.condition = "CR:supported-filter" if of_cards else "C:valid-filter"
