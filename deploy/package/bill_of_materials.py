"""Writes FILE: what the service is made of, as CycloneDX in JSON, the same for the same locks.

Each library of `requirements.lock` that this Python and kind of machine need, and what the front end is bundled from:
version, hashes of every file that the lock allows, licence, and what needs what. It is asked of the environment that it
runs in, where the locked libraries are installed.
"""

import base64
import importlib.metadata
import json
import re
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
NAME = "mailserver"
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
"""SPDX's for what stood in metadata before they had licence expressions (PEP 639)."""
WITHOUT_NAME = {"OSI Approved", "DFSG approved"}
BUNDLED = {"lucide-static"}
"""Libraries that the build alone needs, and that leave something in what is served."""
LICENCES = LicenseFactory()


def licence(name: str) -> str:
    """An SPDX expression: of a library's expression, else of its classifiers, else of its field License."""
    fields = importlib.metadata.metadata(name)
    if "License-Expression" in fields:
        return str(fields["License-Expression"])
    classifiers = [one.rpartition(" :: ")[2] for one in fields.get_all("Classifier") or [] if one.startswith("License")]
    found = [one for one in classifiers if one not in WITHOUT_NAME] or fields.get_all("License") or []
    return " AND ".join(sorted({OLD_NAMES.get(one, one) for one in found}))


def locked() -> Iterator[tuple[Requirement, list[str]]]:
    """The libraries of `requirements.lock` that are needed here, each with the SHA-256 of its files."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for entry in re.split(r"\n(?=\S)", text):
        line = entry.partition("\\\n")[0]
        if "==" not in line:
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            yield requirement, re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)


def python_components() -> dict[str, Component]:
    """By their canonical names."""
    found: dict[str, Component] = {}
    for requirement, hashes in locked():
        name, version = canonicalize_name(requirement.name), next(iter(requirement.specifier)).version
        found[name] = _component(
            PackageURL("pypi", name=name, version=version),
            licence(name),
            [HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes],
        )
    return found


def front_end_components() -> list[Component]:
    """What is bundled into the files that browsers get."""
    lock = json.loads((ROOT / "webui" / "frontend" / "package-lock.json").read_text(encoding="utf-8"))
    found = []
    for place, said in lock["packages"].items():
        name = place.removeprefix("node_modules/")
        if name and not said.get("optional") and (not said.get("dev") or name in BUNDLED):
            algorithm, _, digest = said["integrity"].partition("-")
            assert algorithm == "sha512", name
            hashes = [HashType(alg=HashAlgorithm.SHA_512, content=base64.b64decode(digest).hex())]
            found.append(_component(PackageURL("npm", name=name, version=said["version"]), said["license"], hashes))
    return found


def _component(purl: PackageURL, spdx: str, hashes: list[HashType]) -> Component:
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=str(purl),
        name=purl.name,
        version=purl.version,
        purl=purl,
        licenses=[LICENCES.make_from_string(spdx)],
        hashes=hashes,
    )


def needed_by(name: str, known: dict[str, Component]) -> list[Component]:
    """The libraries that one needs, of those that are known; extras are counted where they are installed."""
    lines = importlib.metadata.requires(name) or []
    names = {canonicalize_name(Requirement(line).name) for line in lines}
    return [known[one] for one in sorted(names & known.keys())]


def bill() -> Bom:
    """The whole."""
    version = importlib.metadata.version(NAME)
    ours = _component(PackageURL("pypi", name=NAME, version=version), licence(NAME), [])
    ours.type = ComponentType.APPLICATION
    known, front_end = python_components(), front_end_components()
    made = Bom(components=[*known.values(), *front_end])
    made.metadata.component = ours
    made.register_dependency(ours, [*needed_by(NAME, known), *front_end])
    for name, component in known.items():
        made.register_dependency(component, needed_by(name, known))
    return made


def main() -> None:
    output = make_outputter(bill(), OutputFormat.JSON, SchemaVersion.V1_6)
    facts = json.loads(output.output_as_string())
    # The same locks, the same file: no hour of its making, and a number that follows from what is in it.
    facts["metadata"].pop("timestamp")
    facts.pop("serialNumber")
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    facts["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, text).urn
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False)
    Path(sys.argv[1]).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
