import pytest

from melgen.runs.public_command import public_command, without_folders


def test_no_folder_of_the_machine_is_left():
    command = [
        "--config-dir",
        "/home/me/secret/conf",
        "--config-dir=/home/me/secret/conf",
        "corpus=folder",
        "path=/home/me/secret/tunes",
        "hydra.searchpath=[file:///home/me/secret]",
        "+x={a:/home/me/secret,b:[C:\\home\\me\\c]}",
        "+y='/home/me/secret/with space'",
        "+z=/home/me/secret/a,/home/me/secret/b",
        "init_from=/home/me/secret/run",
    ]
    public = public_command(command)
    assert not any("home" in word or "me/" in word for word in public)
    assert public[:4] == ["--config-dir", "conf", "--config-dir=conf", "corpus=folder"]
    assert public[4:7] == ["path=tunes", "hydra.searchpath=[secret]", "+x={a:secret,b:[c]}"]
    assert public[7:] == ['+y="with space"', "+z=a,b", "init_from=run"]


@pytest.mark.parametrize(
    "word",
    [
        "init_from=hf:owner/name",
        "init_from=melgen:airs",
        "metre=6/8",
        "layers=[2,3]",
        "~logger",
        "model={a:'b, c'}",
        "x=",
    ],
)
def test_what_is_no_path_stays(word):
    assert without_folders(word) == word
