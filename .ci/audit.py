"""Look up every installed package in the advisories for Python (`make audit`).

Exits with 1 if a package has a known vulnerability or could not be looked up. Exits with 2 if the advisory service
cannot be reached: then nothing has been checked. A mirror may have packages but no advisories, and pip-audit then finds
"no known vulnerabilities". The audit therefore also asks for a package with a known vulnerability.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

OURS = "melgen"
KNOWN = ("pycrypto", "2.6.1")
"""An abandoned package, not installed here, with an advisory that will never be fixed: CVE-2013-7459."""


def installed() -> dict[str, str]:
    """Public versions: torch's CPU build has the version 2.13.0+cpu, and advisories name 2.13.0."""
    found = {str(package.metadata["Name"]).lower(): package.version.partition("+")[0] for package in distributions()}
    found.pop(OURS, None)  # not on PyPI
    return found


def audit(packages: dict[str, str]) -> int:
    """Print the findings; return the exit code."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.writelines(f"{name}=={version}\n" for name, version in sorted([*packages.items(), KNOWN]))
        requirements.flush()
        options = ("--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off")
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", requirements.name, *options],
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        report = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        reason = (done.stderr.strip() or "nothing").splitlines()[-1]
        print(f"Nothing has been checked: the advisory service gave no answer (pip-audit: {reason})")
        return 2
    return print_findings(report, packages)


def print_findings(report: list[dict[str, Any]], packages: dict[str, str]) -> int:
    """Print what pip-audit has found and what it has not looked up. Return the exit code."""
    if not any(package["name"] == KNOWN[0] and package.get("vulns") for package in report):
        print(f"Nothing has been checked: the service does not know of the advisories for {'=='.join(KNOWN)}")
        return 2
    report = [package for package in report if package["name"] != KNOWN[0]]
    checked = {package["name"].lower() for package in report if "skip_reason" not in package}
    skipped = {package["name"]: package["skip_reason"] for package in report if "skip_reason" in package}
    unseen = packages.keys() - checked - {name.lower() for name in skipped}
    skipped |= dict.fromkeys(unseen, "not in the report")
    vulnerable = [(package, advisory) for package in report for advisory in package.get("vulns", [])]
    for package, advisory in vulnerable:
        fixed = ", ".join(advisory["fix_versions"]) or "no release yet"
        print(f"{package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}")
    for name, reason in sorted(skipped.items()):
        print(f"{name}: not looked up ({reason})")
    print(f"{len(checked)} packages looked up, {len(vulnerable)} advisories, {len(skipped)} packages not looked up")
    return 1 if vulnerable or skipped else 0


def main() -> int:
    """Audit this environment."""
    print(f"Advisories for the packages of {Path(sys.prefix)}:")
    return audit(installed())


if __name__ == "__main__":
    sys.exit(main())
