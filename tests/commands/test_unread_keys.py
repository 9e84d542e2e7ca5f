"""Every command refuses a key that nobody reads. It names the key that was meant, before anything is created."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from melgen.configuration.conf_dir import CONF_DIR
from melgen.configuration.known_keys import SET_OTHERWISE, accepts, missing_groups, plain, unread_keys
from melgen.configuration.packaged import commands
from tests.commands.calling import TINY, call, files_below
from tests.tiers import quick_rows

NEEDED = {
    "generate": ("checkpoint=run",),
    "evaluate": ("songs=songs", "corpus=none"),
    "render": ("songs=songs",),
    "publish": ("runs=runs",),
    "status": ("dir=runs",),
    "report": ("run=run",),
    "play": ("run=run",),
    "listen": ("study=study",),
    "prepare": ("corpus=misc_folk",),
    "study": ("corpus=misc_folk",),
    "train": TINY,
}


def refused(here, verb, *overrides):
    before = files_below(here)
    answer = call(verb, *overrides)
    assert answer.code == 1, answer.text
    assert "Traceback" not in answer.text
    assert "use +" not in answer.text
    assert "append" not in answer.text
    assert files_below(here) == before
    assert not (here / "multirun").exists()
    assert "Sweep of" not in answer.text
    return answer.err


@quick_rows(
    1,
    ("given", "meant"),
    [
        ("lr=0.5", "optimizer.lr"),
        ("epochs=3", "trainer.max_epochs"),
        ("dropout=0.5", "model.input_keep_prob or model.output_keep_prob"),
        ("layer=3", "layers"),
        ("trainer.epochs=3", "trainer.max_epochs"),
        ("trainer.max_step=3", "trainer.max_steps"),
        ("trainer.num_sanity=3", "--help"),
        ("model.dropout=0.5", "1 - dropout"),
        ("model.lr=0.5", "optimizer.lr"),
        ("optimizer.learning_rate=0.5", "optimizer.lr"),
        ("scheduler.gamma=0.5", "scheduler.schedule.gamma"),
        ("dataset.batch=8", "batch_size"),
        ("corpus.colections=[airds]", "corpus.collections"),
        ("callbacks.sampling.temp=2", "callbacks.sampling.temperature"),
        ("logger.csv.savedir=x", "logger.csv.save_dir"),
        ("cell.units=3", "hidden_size"),
        ("foo=1", "--help"),
        ("foo.bar=1", "--help"),
        ("stages=[tables]", "melgen.study"),
        ("hydra.job.nme=x", "hydra.job.nme"),
    ],
)
def test_the_key_that_was_meant_is_named(given, meant, here):
    for plus in ("", "+"):
        message = refused(here, "train", *TINY, plus + given)
        assert meant in message
        assert given.partition("=")[0].partition(".")[0] in message


@pytest.mark.slow
def test_unknown_keys_with_plus_signs_are_refused(here):
    assert "optimizer.lr" in refused(here, "train", *TINY, "++lr=1")
    assert "callbacks.sampling" in refused(here, "train", *TINY, "+callbacks.samplin=null")


@quick_rows(1, "verb", sorted(NEEDED))
def test_every_command_refuses(verb, here):
    for given in ("+foo={a:1}", "foo=1"):
        assert f"{given.lstrip('+').partition('=')[0]}" in refused(here, verb, *NEEDED[verb], given)


@quick_rows(
    1,
    ("verb", "given", "meant"),
    [
        ("generate", "+temp=2", "temperature"),
        ("generate", "layers=2", "melgen.train"),
        ("evaluate", "+evaluation.span=12", "evaluation.span_notes"),
        ("evaluate", "+cleaning.min_length=3", "cleaning.min_length_notes"),
        ("render", "+bpm=100", "tempo_qpm"),
        ("render", "tempo=100", "tempo_qpm"),
        ("status", "runs=x", "dir"),
        ("study", "+select.checkpoint=3", "select.checkpoints"),
        ("study", "+lr=0.5,0.1", "optimizer.lr"),
        ("study", "report=false", "melgen.train"),
        ("prepare", "+corpus.path=x", "corpus.path"),
    ],
)
def test_of_other_commands_too(verb, given, meant, here):
    assert meant in refused(here, verb, *NEEDED[verb], given)


@pytest.mark.slow
def test_in_a_sweep_before_it_is_launched(here):
    assert "optimizer.lr" in refused(here, "train", "-m", *TINY, "+lr=0.5,0.1")
    assert "optimizer.lr" in refused(here, "train", "-m", *TINY, "lr=0.5,0.1")
    assert "trainer.max_epochs" in refused(here, "train", "-m", *TINY, "seed=0,1", "+epochs=3")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "meant"),
    [("corpus=arids", "corpus=airds"), ("cell=lsmt", "cell=lstm"), ("experiment=qiuck", "experiment=quick")],
)
def test_the_option_that_was_meant_is_named(given, meant, here):
    tiny = [override for override in TINY if not override.startswith(given.partition("=")[0])]
    assert f"did you mean {meant}?" in refused(here, "train", *tiny, given)
    assert f"did you mean {meant}?" in refused(here, "train", "-m", *tiny, f"{given},{meant.partition('=')[2]}")
    assert "corpus" in refused(here, "train", *tiny, "copus=airds")


def test_the_error_names_the_override_that_adds_an_accepted_parameter(here):
    message = refused(here, "train", *TINY, "optimizer.weight_decay=0.1")
    assert "torch.optim.Adam" in message
    assert "+optimizer.weight_decay=0.1" in message


@pytest.mark.slow
def test_a_misspelt_parameter_of_a_part_is_recognised(here):
    assert "did you mean optimizer.weight_decay?" in refused(here, "train", *TINY, "+optimizer.weight_decy=0.1")
    assert "did you mean trainer.limit_val_batches?" in refused(here, "train", *TINY, "trainer.limit_val_batch=2")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("trainer={max_steps:5,max_step:1}", "trainer.max_step=1: unknown key; did you mean trainer.max_steps?"),
        ("+trainer={max_steps:5,max_step:1}", "trainer.max_step: unknown key; did you mean trainer.max_steps?"),
        ("trainer={limit_val_batches:2}", "+trainer.limit_val_batches=2 sets it"),
        ("optimizer={lr:0.1,foo:1}", "optimizer.foo=1: unknown key"),
        ("callbacks={sampling:{temp:2}}", "did you mean callbacks.sampling.temperature?"),
    ],
)
def test_a_key_among_several_in_one_value(given, meant, here):
    assert meant in refused(here, "train", *TINY, given)


@pytest.mark.slow
def test_a_key_that_is_deleted_must_exist(here):
    message = refused(here, "train", *TINY, "~optimizer.betas")
    assert "~optimizer.betas: no key or value of this name can be left out" in message
    assert "+optimizer" not in message


def test_an_override_without_a_key(here):
    assert "=3: overrides are written key=value" in refused(here, "train", *TINY, "=3")


def test_an_option_that_is_chosen_twice(here):
    assert "without +" in refused(here, "train", *TINY, "+cell=gru")


class TestFilesOfOnesOwn:
    @pytest.fixture(autouse=True)
    def _folder(self, here):
        (here / "cfg" / "experiment").mkdir(parents=True)

    def write(self, text, group="experiment", name="mine"):
        folder = Path("cfg", group)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.yaml"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(file)

    def refused(self, here, *overrides, verb="train"):
        return refused(here, verb, "--config-dir=cfg", *overrides)

    @pytest.mark.slow
    @pytest.mark.parametrize("verb", ["train", "study"])
    def test_a_key_is_refused_with_its_file(self, here, verb):
        file = self.write("# @package _global_\nlayers: 1\nlr: 0.5\noptimizer:\n  epsilon: 3\n")
        message = self.refused(here, "experiment=mine", verb=verb)
        assert file in message
        assert "lr: unknown key; did you mean optimizer.lr?" in message
        assert "optimizer.epsilon: unknown key" in message

    @pytest.mark.parametrize("entry", ["cell: gru", "overide /cell: gru", "optioal cell: gru", "/cell: gru"])
    def test_a_group_is_chosen_by_override(self, here, entry):
        self.write(f"# @package _global_\ndefaults:\n  - {entry}\n")
        message = self.refused(here, "experiment=mine")
        assert "- override /cell: " in message
        assert "without +" not in message

    @pytest.mark.slow
    def test_a_key_in_an_option_is_refused_with_its_file(self, here):
        file = self.write("_target_: pytorch_lightning.Trainer\nmax_steps: 5\nmax_step: 1\n", "trainer")
        message = self.refused(here, "trainer=mine")
        assert f"{file}: trainer.max_step: unknown key; did you mean trainer.max_steps?" in message

    @pytest.mark.slow
    @pytest.mark.parametrize("beginning", ["", "# mine\n", "# my own\n# @package _global_\n", "\n# package _global_\n"])
    def test_without_its_package(self, here, beginning):
        file = self.write(f"{beginning}layers: 1\n")
        for line in (["experiment=mine"], ["-m", "experiment=mine,quick"]):
            message = self.refused(here, *line)
            assert file in message
            assert "# @package _global_" in message

    @pytest.mark.slow
    def test_with_a_byte_order_mark(self, here):
        file = self.write(b"\xef\xbb\xbf# @package _global_\nlayers: 1\n")
        message = self.refused(here, "experiment=mine")
        assert file in message
        assert "byte order mark" in message

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (b"# @package _global_\nlayers: 1\n\thidden_size: 3\n", 3),
            (b"# @package _global_\nname: caf\xe9\n", 2),
            (b"# @package _global_\nlayers: 1\nlayers: 2\n", 3),
            (b"# @package _global_\nprimer: [60, 62\n", 3),
            ("# @package _global_\nlayers: 1\n".encode("utf-16"), 1),
            (b"# @package _global_\nname: a\x07b\n", 2),
        ],
        ids=["tab", "Latin-1", "key given twice", "bracket", "UTF-16", "control character"],
    )
    def test_a_file_that_is_not_yaml_is_refused_with_file_and_line(self, here, text, line):
        file = self.write(text)
        for arguments in (["experiment=mine"], ["-m", "experiment=mine,quick"]):
            message = self.refused(here, *arguments)
            assert f"{file}, line {line}: " in message

    @pytest.mark.slow
    def test_a_key_that_an_interpolation_uses_is_accepted(self, here):
        self.write("# @package _global_\nwidths: {small: 16}\nhidden_size: ${widths.small}\nlayers: 0\n")
        assert "layers=0" in self.refused(here, "experiment=mine"), "there is no other error"
        self.write("# @package _global_\nwidths: {small: 16, large: 3}\nhidden_size: ${widths.small}\n")
        assert "widths.large" in self.refused(here, "experiment=mine")

    @pytest.mark.slow
    def test_a_parameter_of_a_users_own_part_is_accepted(self, here, monkeypatch):
        Path("my_parts.py").write_text(
            "import torch\n"
            "class Strict(torch.optim.Adam):\n"
            "    def __init__(self, params, lr, momentum=0): super().__init__(params, lr)\n"
            "class Lax(torch.optim.Adam):\n"
            "    def __init__(self, params, **options): super().__init__(params)\n"
        )
        monkeypatch.syspath_prepend(str(here))
        for name in ("Strict", "Lax"):
            self.write(f"_target_: my_parts.{name}\n_partial_: true\nlr: 1\n", group="optimizer", name=name)
        assert "optimizer.nesterov" in self.refused(here, "optimizer=Strict", "+optimizer.nesterov=1", "layers=0")
        for option, key in (("Strict", "momentum"), ("Lax", "nesterov")):
            assert "layers=0" in self.refused(here, f"optimizer={option}", f"+optimizer.{key}=1", "layers=0")

    @pytest.mark.slow
    def test_keys_of_a_users_own_callback_are_checked(self, here):
        self.write("mine:\n  _target_: pytorch_lightning.callbacks.Timer\n  interval: step\n", group="callbacks")
        assert "layers=0" in self.refused(here, "callbacks=mine", "layers=0")
        for plus in ("", "+"):
            message = self.refused(here, "callbacks=mine", f"{plus}callbacks.mine.intervall=1")
            assert "callbacks.mine.intervall=1: unknown key; did you mean callbacks.mine.interval?" in message
        message = self.refused(here, "callbacks=mine", "callbacks.mine.verbose=true")
        assert "+callbacks.mine.verbose=true sets it" in message
        file = self.write("mine:\n  _target_: pytorch_lightning.callbacks.Timer\n  intervl: 1\n", group="callbacks")
        message = self.refused(here, "callbacks=mine")
        assert f"{file}: callbacks.mine.intervl: unknown key; did you mean callbacks.mine.interval?" in message

    @pytest.mark.parametrize(("text", "kind"), [("- a\n- b\n", "a list"), ("hello\n", "'hello'"), ("3\n", "3")])
    def test_a_file_without_keys_is_named(self, here, text, kind):
        file = self.write(f"# @package _global_\n{text}")
        for arguments in (["experiment=mine"], ["-m", "experiment=quick,mine"]):
            message = self.refused(here, *arguments)
            assert (
                f"{file}: holds {'only ' if kind != 'a list' else ''}{kind}; it must hold keys with values" in message
            )
        self.write("# @package _global_\ndefaults:\n  - override /cell: mine\n", name="other")
        file = self.write(text, group="cell")
        assert f"{file}: holds " in self.refused(here, "experiment=other")

    def test_defaults_that_are_not_a_list(self, here):
        file = self.write("# @package _global_\ndefaults: 3\n")
        assert f"{file}: defaults: 3 is not a list" in self.refused(here, "experiment=mine")

    @pytest.mark.slow
    def test_a_sweep_of_a_command_that_does_one_thing(self, here):
        file = self.write("# @package _global_\ndefaults: [misc_folk]\nhydra:\n  mode: MULTIRUN\n", group="corpus")
        message = self.refused(here, "corpus=mine", verb="prepare")
        assert f"{file}: hydra.mode=MULTIRUN: melgen.prepare does one thing at a time" in message
        self.write("defaults: [generate, _self_]\ncheckpoint: x\nhydra:\n  mode: MULTIRUN\n", group="")
        assert "melgen.generate does one thing" in self.refused(here, "--config-name=mine", verb="generate")

    @pytest.mark.slow
    def test_a_study_makes_the_sweep_of_an_experiment_itself(self, here):
        self.write("# @package _global_\nhydra:\n  mode: MULTIRUN\n")
        answer = call("study", "--config-dir=cfg", *NEEDED["study"], "experiment=mine", "stages=foo")
        assert "stages=foo: must be one or more of tune, sweep" in answer.err
        assert not (here / "multirun").exists()

    @pytest.mark.slow
    @pytest.mark.parametrize("sweeper", [[], ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2"]])
    def test_keys_that_a_sweep_reads_once_are_refused_in_one_of_several_options(self, here, sweeper):
        if sweeper:
            pytest.importorskip("optuna")
        file = self.write("# @package _global_\ndefaults:\n  - override /hydra/launcher: joblib\n", name="many")
        self.write("# @package _global_\n", name="none")
        message = self.refused(here, "-m", *sweeper, "experiment=many,none", "corpus=misc_folk")
        assert f"{file}: hydra/launcher has no effect for experiment=many" in message
        assert "hydra/launcher=joblib on the command line chooses it" in message
        file = self.write("# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,1\n", name="many")
        message = self.refused(here, "-m", *sweeper, "experiment=many,none", "corpus=misc_folk")
        assert f"{file}: hydra/sweeper has no effect for experiment=many" in message

    @pytest.mark.slow
    def test_keys_that_a_sweep_reads_once_are_allowed_in_the_only_option(self, here):
        self.write("# @package _global_\ndefaults:\n  - override /hydra/launcher: joblib\nlayers: 0\n")
        assert "layers=0" in self.refused(here, "-m", "experiment=mine", "seed=0,1", "corpus=misc_folk")


@pytest.mark.slow
def test_a_path_that_no_corpus_reads(here):
    for verb in ("train", "prepare", "evaluate"):
        needed = [override for override in NEEDED[verb] if "corpus" not in override]
        assert "corpus=folder" in refused(here, verb, *needed, "path=tunes")


@pytest.mark.slow
@pytest.mark.parametrize("command", commands())
def test_every_packaged_key_is_read(command):
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        experiments = [*Path(CONF_DIR, "experiment").glob("*.yaml")] if command in ("config", "study") else []
        for overrides in ([], *([f"experiment={file.stem}"] for file in experiments)):
            content = plain(compose(command, overrides, return_hydra_config=True))
            assert unread_keys(content, command) == []
            assert missing_groups(content, command) == []


def test_parameters_that_melgen_sets_itself_exist():
    import pytorch_lightning as pl

    assert all(accepts(f"{pl.__name__}.Trainer", key) for key in SET_OTHERWISE["trainer"])
    assert all(accepts("melgen.networks.MelodyModel", key) for key in SET_OTHERWISE["model"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("+trainer.gradient_clip_val=1", "gradient_clip_norm"),
        ("trainer.precision=16-mixed", "precision=16-mixed"),
        ("+trainer.num_nodes=2", "one process"),
        ("+trainer.strategy=ddp_spawn", "one process"),
        ("trainer.devices=2", "one device"),
        ("+trainer.enable_progress_bar=true", "progress"),
        ("+trainer.default_root_dir=x", "output_dir"),
        ("+trainer.fast_dev_run=true", "trainer=debug"),
        ("+trainer.logger=false", "logger"),
        ("+model.vocab_size=3", "training tunes"),
    ],
)
def test_a_parameter_that_melgen_sets_itself_is_refused_with_its_replacement(given, instead, here):
    assert instead in refused(here, "train", *TINY, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../b", "", ".", "..", "a b", "'~'"])
def test_a_name_stays_in_its_directory(name, here):
    for verb in ("train", "study"):
        message = refused(here, verb, *NEEDED[verb], f"name={name}")
        assert "name" in message
    refused(here, "train", "-m", *TINY, f"name={name}", "seed=0,1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "instead"),
    [
        ("hydra.run.dir=a/b", "run_dir=a/b"),
        ("hydra.sweep.dir=a/b", "output_dir=a name=b"),
        ("hydra.sweep.subdir=b", "run_dir="),
    ],
)
def test_hydras_own_places_are_refused(given, instead, here):
    assert instead in refused(here, "train", *TINY, given)
    assert instead in refused(here, "train", "-m", *TINY, given, "seed=0,1")
    refused(here, "study", "corpus=misc_folk", given)
    refused(here, "prepare", "corpus=misc_folk", given)


@pytest.mark.slow
def test_hydras_own_places_in_a_file(here):
    Path("cfg/experiment").mkdir(parents=True)
    Path("cfg/experiment/mine.yaml").write_text("# @package _global_\nhydra:\n  run:\n    dir: elsewhere\n")
    for arguments in ([], ["-m"]):
        assert "run_dir=elsewhere" in refused(here, "train", *arguments, "--config-dir=cfg", *TINY, "experiment=mine")


@pytest.mark.slow
@pytest.mark.parametrize("given", ["~scheduler", "~cell", "~corpus", "~optimizer", "scheduler=null", "cell=null"])
def test_a_group_that_is_needed(given, here):
    group = given.strip("~").partition("=")[0]
    tiny = [override for override in TINY if not override.startswith(group)]
    assert f"{group}=" in refused(here, "train", *tiny, given)


@pytest.mark.slow
def test_a_stack_that_is_missing(here):
    tiny = [override for override in TINY if "layers" not in override]
    assert "error: cell.stack: has no default; cell.stack=" in refused(here, "train", *tiny, "cell=mixed")
    for given in ("model.cell.stack=[lstm]", "+model.cell.stack=[lstm]"):
        assert "did you mean cell.stack?" in refused(here, "train", *tiny, "cell=mixed", given)
