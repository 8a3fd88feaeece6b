"""Why a report is none that can be counted."""

from mailserver.texts.causes import Cause


class BadReport(Exception):
    """It cannot be read, or says what cannot be; `cause` says why in the reader's language."""

    def __init__(self, code: str, **values: object) -> None:
        self.cause = Cause(code, **values)
        super().__init__(self.cause)


def malformed(why: str) -> BadReport:
    """It is not written as its RFC asks; `why` names the element, or says what the parser said."""
    return BadReport("report-malformed", why=why[:100])
