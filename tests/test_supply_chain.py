"""What can be checked of the packages we stand on without asking a service: pins, versions, licences."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name as canonical

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def lines_of(path):
    return [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]


def pins(lines):
    return {canonical(name): version for name, _, version in (line.partition("==") for line in lines)}


LINES = lines_of("constraints.txt")
PINS = pins(LINES)
NOT_PINNED = {"vllm"}
"""Installed apart from the rest, at the version that the Makefile names."""
ALLOWED = re.compile(r"MIT|BSD|Apache|PSF|Python Software|ISC|MPL|Mozilla|Zlib|0BSD|CC0|BSL-1.0|Unlicense|CNRI|HPND")


def requirements(lines):
    return [one for one in map(Requirement, lines) if one.name != "entmin"]


DIRECT = {canonical(one.name): one
          for lines in (PROJECT["dependencies"], *(EXTRAS[name] for name in EXTRAS if name != "verl"))
          for one in requirements(lines)}  # fmt: skip


def installed() -> dict[str, Distribution]:
    """Everything that the direct dependencies bring, as far as it is installed here."""
    found, waiting = {}, [name for name in DIRECT if name not in NOT_PINNED]
    while waiting:
        name = canonical(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        needed = map(Requirement, found[name].requires or [])
        waiting += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


INSTALLED = installed()


def test_every_direct_dependency_is_pinned_to_one_version():
    assert [line for line in LINES if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert set(DIRECT) - set(PINS) == NOT_PINNED


def test_the_environment_of_verl_has_versions_that_the_extra_accepts():
    """It stands apart from the others: what both name may have another version there."""
    apart = pins(lines_of(".ci/verl.txt"))
    named = {canonical(one.name): one for one in requirements(EXTRAS["verl"])}
    assert set(named) <= set(apart)
    assert {name: apart[name] for name, one in named.items() if apart[name] not in one.specifier} == {}


def test_a_pin_is_a_version_that_the_package_accepts():
    assert {name: PINS[name] for name, one in DIRECT.items() if name in PINS and PINS[name] not in one.specifier} == {}


def test_what_is_installed_is_what_is_pinned():
    """pip adds the build to the version of torch."""
    found = {name: INSTALLED[name].version.partition("+")[0] for name in PINS if name in INSTALLED}
    assert len(found) > 30
    assert found == {name: PINS[name] for name in found}


def licence(one: Distribution) -> str:
    """What a distribution says of its licence; where its metadata do not, the beginning of its licence file."""
    about = one.metadata
    kinds = [line.rpartition("::")[2] for line in about.get_all("Classifier") or [] if line.startswith("License")]
    said = about.get("License-Expression") or "; ".join(kinds) or (about.get("License") or "").partition("\n")[0]
    texts = [] if said else [file.read_text()[:100] for file in one.files or [] if "LICENSE" in file.name.upper()]
    return said or " ".join(texts)


def test_every_licence_is_stated_and_asks_nothing_of_our_users():
    said = {name: licence(one) for name, one in INSTALLED.items()}
    assert {name: words for name, words in said.items() if not ALLOWED.search(words)} == {}
    assert {name: words for name, words in said.items() if re.search("GPL", words) and " OR " not in words} == {}
