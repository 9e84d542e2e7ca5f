"""The scripts of ``.ci/``: what they print about what they found and about what they did not check."""

import tomllib
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.builders import load_script

AUDIT = load_script(".ci/audit.py")
KNOWN = {"name": "pycrypto", "version": "2.6.1", "vulns": [{"id": "PYSEC-2017-94", "fix_versions": []}]}
SOUND = {"name": "Six", "version": "1.16.0", "vulns": []}
BAD = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1.3"]}]}
SKIPPED = {"name": "torch", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("report", "packages", "code", "expected"),
    [
        ([KNOWN, SOUND], ["six"], 0, "1 packages looked up, 0 advisories, 0 packages not looked up"),
        ([KNOWN, SOUND, BAD], ["six", "jinja2"], 1, "jinja2 3.1.0: CVE-1, fixed in 3.1.3"),
        ([KNOWN, SOUND, SKIPPED], ["six", "torch"], 1, "torch: not looked up (not found on PyPI)"),
        ([KNOWN, SOUND], ["six", "numpy"], 1, "numpy: not looked up (not in the report)"),
        ([SOUND], ["six"], 2, "Nothing has been checked"),
        ([SKIPPED | {"name": "pycrypto"}, SKIPPED], ["torch"], 2, "Nothing has been checked"),
        ([KNOWN | {"vulns": []}, SOUND], ["six"], 2, "Nothing has been checked"),
    ],
    ids=["sound", "vulnerable", "skipped", "forgotten", "silent", "a mirror without advisories", "knows nothing"],
)
def test_the_audit_claims_nothing_that_it_has_not_checked(report, packages, code, expected, capsys):
    assert AUDIT.print_findings(report, dict.fromkeys(packages, "1")) == code
    assert expected in capsys.readouterr().out


def test_installed_packages_are_looked_up_by_their_public_versions():
    packages = AUDIT.installed()
    assert "melgen" not in packages
    assert {"torch", "numpy", "hydra-core"} <= packages.keys()
    assert not any("+" in version for version in packages.values())


def test_the_lowest_versions_are_those_of_the_project():
    lowest = load_script(".ci/lowest.py").lowest
    assert lowest(["numpy>=1.26,<3", "torch>=2.9", "six", "plotly>=5", "plotly>=6,<8", "a[b]>=1.10", "a>=1.9"]) == {
        "numpy": "1.26",
        "plotly": "6",
        "a": "1.10",
    }


ROOT = Path(__file__).parents[1]
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    return [requirement for requirement in map(Requirement, listed) if requirement.name != project["name"]]


def locked(python):
    """The versions that ``constraints.txt`` chooses for a Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    chosen = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all(one.url is None for one in chosen)
    found = {}
    for one in chosen:
        if one.marker is None or one.marker.evaluate(environment):
            (bound,) = one.specifier
            assert bound.operator == "=="
            assert canonicalize_name(one.name) not in found, f"two versions of {one.name} under Python {python}"
            found[canonicalize_name(one.name)] = bound.version
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locked_versions_are_those_that_the_project_allows(python):
    versions = locked(python)
    for requirement in requirements():
        version = versions.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in constraints.txt: make lock"
        assert requirement.specifier.contains(version), f"{requirement}: constraints.txt has {version}: make lock"


def test_the_locked_torch_is_the_one_with_a_small_build():
    held = [line for line in (ROOT / ".ci" / "torch.txt").read_text().splitlines() if not line.startswith("#")]
    assert held == [f"torch=={locked('3.11')['torch']}"]


def test_the_lock_names_no_package_index():
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_the_lowest_versions_keep_below_the_locked_ones():
    script_of_lowest, versions = load_script(".ci/lowest.py"), locked("3.11")
    lowest = script_of_lowest.lowest([str(requirement) for requirement in requirements()])
    assert "torch" not in lowest
    assert all(Version(version) <= Version(versions[canonicalize_name(name)]) for name, version in lowest.items())
