"""The short form of ``long_run.py``; and that it would notice."""

import sys

import pytest

from tests.torture import long_run


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process is looked at through /proc")
def test_nothing_grows(capfd):
    assert long_run.main(["--updates", "1500"]) == 0, capfd.readouterr().out


@pytest.mark.parametrize(("megabytes", "files"), [(0.2, 0), (0.0, 0.1)])
def test_a_leak_is_noticed(megabytes, files):
    """Of a fifth of a megabyte, or a file now and then, at every look."""
    samples = [(300 + megabytes * look, int(20 + files * look)) for look in range(200)]
    grown_megabytes, grown_files = long_run.grown(samples)
    assert grown_megabytes > long_run.MEGABYTES or grown_files > long_run.OPEN_FILES
    assert long_run.grown([(300.0, 20)] * 200) == (0, 0)
