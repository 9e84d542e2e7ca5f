"""The processors and the memory that this process may use, by control groups of both versions."""

import os
import sys

import pytest

from melgen import resources
from melgen.resources import available_cpus, available_memory


@pytest.fixture
def limited(tmp_path, monkeypatch):
    """A function that makes control groups: the lines of the process, and the content of files."""

    def limited(lines, **files):
        (tmp_path / "groups").write_text("\n".join(lines) + "\n")
        for name, content in files.items():
            path = tmp_path / "mounted" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content + "\n")

    monkeypatch.setattr(resources, "GROUPS_OF_THIS_PROCESS", tmp_path / "groups")
    monkeypatch.setattr(resources, "CONTROL_GROUPS", tmp_path / "mounted")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    return limited


@pytest.mark.parametrize(
    ("lines", "files", "cpus"),
    [
        (["0::/"], {}, 16),
        (["0::/"], {"cpu.max": "max 100000"}, 16),
        (["0::/"], {"cpu.max": "400000 100000"}, 4),
        (["0::/"], {"cpu.max": "50000 100000"}, 1),
        (["0::/"], {"cpu.max": "150000 100000"}, 2),
        (["0::/"], {"cpu.max": "6400000 100000"}, 16),
        (["0::/a/b"], {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000"}, 3),
        (["0::/../../pod"], {"cpu.max": "300000 100000"}, 3),
        (["2:cpu,cpuacct:/a"], {"cpu,cpuacct/a/cpu.cfs_quota_us": "200000"}, 16),
        (
            ["2:cpu,cpuacct:/a", "0::/"],
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "200000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
            2,
        ),
        (["1:cpu:/"], {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 16),
        (["3:cpuset:/"], {"cpuset/cpu.cfs_quota_us": "100000", "cpuset/cpu.cfs_period_us": "100000"}, 16),
    ],
)
def test_processors(limited, lines, files, cpus):
    limited(lines, **files)
    assert available_cpus() == cpus


def memory_of_machine():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not report it so")
@pytest.mark.parametrize(
    ("lines", "files", "memory"),
    [
        (["0::/"], {"memory.max": "max"}, None),
        (["0::/job/step"], {"job/memory.max": "4096", "job/step/memory.max": "max"}, 4096),
        (["0::/job/step"], {"job/memory.max": "8192", "job/step/memory.max": "4096"}, 4096),
        (["4:memory:/slurm/job", "0::/"], {"memory/slurm/job/memory.limit_in_bytes": "4096"}, 4096),
        (["4:memory:/"], {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        (["0::/"], {"memory.max": "?"}, None),
    ],
)
def test_memory(limited, lines, files, memory):
    limited(lines, **files)
    assert available_memory() == (memory or memory_of_machine())


def test_without_control_groups(limited):
    assert available_cpus() == 16
    assert available_memory() == memory_of_machine()


def test_here():
    assert 1 <= available_cpus() <= (os.cpu_count() or 1)
    assert 0 < available_memory() <= memory_of_machine()
