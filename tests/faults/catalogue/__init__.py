"""The faults that have a name. Their snippets follow the code: `test_catalogue` says when one does not."""

from collections.abc import Sequence

from tests.faults.catalogue import doors, mail, mailboxes, moments
from tests.faults.fault import Fault

FAULTS: Sequence[Fault] = (*moments.FAULTS, *mail.FAULTS, *mailboxes.FAULTS, *doors.FAULTS)
