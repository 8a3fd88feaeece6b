"""Everything that is installed with the service may be given on under GPL-3.0-or-later, as its metadata say."""

import importlib.metadata
import json
import re

from packaging.requirements import Requirement

from tests.hatchery import ROOT

ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "GPL-3.0-or-later", "ISC", "LGPL-3.0-only", "LGPL-3.0-or-later",
    "MIT", "MIT-0", "MIT-CMU", "MPL-2.0", "PSF-2.0", "ZPL-2.1", "Zlib",
}  # fmt: skip
"""By their SPDX names; each is compatible with version 3 of the GPL."""
OLD_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "BSD-like": "Zlib",
    "GNU General Public License (GPL)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What stood in metadata before they had licence expressions (PEP 639)."""
WITHOUT_NAME = {"OSI Approved", "DFSG approved"}


def licences(name: str) -> set[str]:
    """Those of a library: of its expression, else of its classifiers, else of its field License."""
    fields = importlib.metadata.metadata(name)
    if "License-Expression" in fields:
        return set(re.split(r" (?:AND|OR) ", fields["License-Expression"].strip("()")))
    classifiers = [one.rpartition(" :: ")[2] for one in fields.get_all("Classifier") or [] if one.startswith("License")]
    found = set(classifiers) - WITHOUT_NAME or set(fields.get_all("License") or [])
    return {OLD_NAMES.get(one, one) for one in found}


def test_every_library_that_is_locked_has_a_licence_that_is_allowed() -> None:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = [Requirement(line.rstrip("\\ ")) for line in lines if "==" in line]
    here = [one.name for one in locked if one.marker is None or one.marker.evaluate()]
    found = {name: licences(name) for name in here}
    assert {name: given for name, given in found.items() if not given <= ALLOWED} == {}
    assert len(found) > 60


def test_every_library_of_the_front_end_has_a_licence_that_is_allowed() -> None:
    lock = json.loads((ROOT / "webui" / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    found = {place: said.get("license", "") for place, said in lock["packages"].items() if place}
    allowed = ALLOWED | {"(MPL-2.0 OR Apache-2.0)"}
    assert {place: given for place, given in found.items() if given not in allowed} == {}
    assert len(found) > 5
