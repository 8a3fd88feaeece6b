"""What the console calls the acts on record."""

from types import SimpleNamespace
from typing import cast

import pytest

from mailserver.store.record.audit import Action
from webui.admin.directory.person import action_words
from webui.page.context import Visit

IN_FRENCH = cast(Visit, SimpleNamespace(_=lambda message: message))


@pytest.mark.parametrize("action", Action)
def test_every_act_on_record_has_its_words(action: Action) -> None:
    """Otherwise the console shows the code that rows keep."""
    assert action_words(IN_FRENCH, action) != action.value
