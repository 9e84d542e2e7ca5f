"""A short form of ``torture.long_run``, and a test that it detects a leak."""

import sys

import pytest

from torture import long_run


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the harness reads /proc")
def test_nothing_grows(capfd):
    assert long_run.main(["--updates", "1500"]) == 0, capfd.readouterr().out


@pytest.mark.parametrize(("megabytes", "files"), [(0.2, 0), (0.0, 0.1)])
def test_a_leak_is_detected(megabytes, files):
    """A leak of a fifth of a megabyte, or of a tenth of a file, at every sample."""
    samples = [(300 + megabytes * sample, int(20 + files * sample)) for sample in range(200)]
    grown_megabytes, grown_files = long_run.grown(samples)
    assert grown_megabytes > long_run.MEGABYTES or grown_files > long_run.OPEN_FILES
    assert long_run.grown([(300.0, 20)] * 200) == (0, 0)
