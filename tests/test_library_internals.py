"""What our classes lean on in libraries though it is not promised: each name must stand where it stood.

setup.cfg pins these libraries to versions that were looked at. An upgrade that moves a name fails here, and not in what
a server does on the day.
"""

import concurrent.futures
import http.client
import inspect
import re

import acme.client
import aiosmtpd.smtp
import icalendar.timezone
import pytest
import radicale.app.base
import radicale.app.propfind
import radicale.app.report
import radicale.auth
import radicale.item
import radicale.storage
import starlette.formparsers
import vobject.icalendar  # type: ignore[import-untyped]

INTERNALS: dict[type, tuple[str, ...]] = {
    # smtp.connection brings its own loop of commands, table of commands and timer.
    aiosmtpd.smtp.SMTP: (
        "_handle_client",
        "_timeout_cb",
        "_reset_timeout",
        "_timeout_handle",
        "_smtp_methods",
        "_auth_methods",
        "_create_session",
        "_create_envelope",
    ),
    # agenda.dav bounds the answers and reads bodies itself.
    radicale.app.base.ApplicationBase: ("_read_xml_request_body", "_webdav_error_response", "_xml_response"),
    radicale.app.propfind.ApplicationPartPropfind: ("_collect_allowed_items",),
    radicale.auth.BaseAuth: ("_login",),
    radicale.item.Item: ("_text",),
    radicale.storage.BaseStorage: (
        "_is_collision_free",
        "_supports_problematic_chars",
        "_supports_trailing_whitespace",
        "_supports_unicode",
    ),
    # mailserver.calendars.icalendar.zone_names gives both libraries tables of zones that do not outlive a text.
    icalendar.timezone.TZP: ("__tz_cache",),
    vobject.icalendar.TimezoneComponent: ("registerTzinfo", "pickTzid"),
    # foundation.metrics.pools looks at how busy a pool is.
    concurrent.futures.ThreadPoolExecutor: ("_threads", "_idle_semaphore", "_max_workers", "_work_queue"),
    # certificates.bounded_http opens connections that end at a time of its own, certificates.authority adds to orders.
    http.client.HTTPConnection: ("_create_connection",),
    acme.client.ClientV2: ("_post",),
    # webui reads the name of a field while its part arrives.
    starlette.formparsers.MultiPartParser: ("_current_part",),
}


@pytest.mark.parametrize(
    ("base", "name"),
    [(base, name) for base, names in INTERNALS.items() for name in names],
    ids=lambda value: value if isinstance(value, str) else value.__qualname__,
)
def test_name_stands_in_its_class(base: type, name: str) -> None:
    used = rf"(?m)(?:\bdef |\b(?:self|cls)\.|^\s+){name}\b"
    assert re.search(used, inspect.getsource(base)), f"{base.__module__}.{base.__qualname__} has no {name} any more"
