"""The scripts of ``.ci/``: what they say of what they have found, and of what they have not looked at."""

import importlib.util
from pathlib import Path

import pytest


def script(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AUDIT = script("audit")
KNOWN = {"name": "pycrypto", "version": "2.6.1", "vulns": [{"id": "PYSEC-2017-94", "fix_versions": []}]}
SOUND = {"name": "Six", "version": "1.16.0", "vulns": []}
BAD = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["3.1.3"]}]}
SKIPPED = {"name": "torch", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("report", "packages", "code", "said"),
    [
        ([KNOWN, SOUND], ["six"], 0, "1 packages looked up, 0 advisories, 0 packages not looked up"),
        ([KNOWN, SOUND, BAD], ["six", "jinja2"], 1, "jinja2 3.1.0: CVE-1, mended in 3.1.3"),
        ([KNOWN, SOUND, SKIPPED], ["six", "torch"], 1, "torch: not looked up (not found on PyPI)"),
        ([KNOWN, SOUND], ["six", "numpy"], 1, "numpy: not looked up (not in the report)"),
        ([SOUND], ["six"], 2, "Nothing has been checked"),
        ([SKIPPED | {"name": "pycrypto"}, SKIPPED], ["torch"], 2, "Nothing has been checked"),
        ([KNOWN | {"vulns": []}, SOUND], ["six"], 2, "Nothing has been checked"),
    ],
    ids=["sound", "vulnerable", "skipped", "forgotten", "silent", "a mirror without advisories", "knows nothing"],
)
def test_the_audit_claims_nothing_that_it_has_not_checked(report, packages, code, said, capsys):
    assert AUDIT.tell(report, dict.fromkeys(packages, "1")) == code
    assert said in capsys.readouterr().out


def test_what_is_installed_is_looked_up_by_its_public_version():
    packages = AUDIT.installed()
    assert "melgen" not in packages
    assert {"torch", "numpy", "hydra-core"} <= packages.keys()
    assert not any("+" in version for version in packages.values())


def test_the_lowest_versions_are_those_of_the_project():
    lowest = script("lowest").lowest
    assert lowest(["numpy>=1.26,<3", "torch>=2.9", "six", "plotly>=5", "plotly>=6,<8", "a[b]>=1.10", "a>=1.9"]) == {
        "numpy": "1.26",
        "plotly": "6",
        "a": "1.10",
    }
