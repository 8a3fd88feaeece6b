"""`check` says in good time which school holidays nobody has written down yet."""

import datetime
import json
from pathlib import Path

from mailserver.foundation.settings import Settings
from mailserver.operations.health.holidays import NOTICE_DAYS, examine_holidays


def told(settings: Settings, **last: datetime.date) -> list[tuple[str, str, str]]:
    """With these days as the ends of the last holidays of zones; `common`: of A, B and C together."""
    zones: dict[str, list[list[str]]] = {"A": [], "B": [], "C": [], "": []} | {
        zone.replace("common", ""): [["Été", "2020-07-04", str(end)]] for zone, end in last.items()
    }
    (settings.directory / "holidays.json").write_text(json.dumps(zones), "utf-8")
    return [(one.grade.value, one.text.to("en"), one.remedy.to("en")) for one in examine_holidays(settings)]


def test_holidays_that_end_soon_are_told_by_zone(tmp_path: Path) -> None:
    settings = Settings(domain="ac-exemple.fr", hostname="mail.ac-exemple.fr", directory=tmp_path)
    far = datetime.date.today() + datetime.timedelta(NOTICE_DAYS + 30)
    near = datetime.date.today() + datetime.timedelta(NOTICE_DAYS - 30)
    assert told(settings, common=far) == []
    assert told(settings, common=far, Corse=far) == []
    ((grade, text, remedy),) = told(settings, A=far, B=near, Corse=far)
    assert grade == "warning"
    assert text.startswith(f"known until {near} at most, zone B, C: ")
    assert remedy == f"add those of the coming year to {tmp_path}/holidays.json"
    assert [one[1][:16] for one in told(settings)] == ["known until - at"]
