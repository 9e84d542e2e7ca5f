from __future__ import annotations

import pytest

from tests.data.melodies import walks, write_songs


@pytest.fixture
def folder(tmp_path):
    """The folder in which `small_config` finds its songs."""
    write_songs(tmp_path / "tiny_song_list.p", walks(30))
    return tmp_path
