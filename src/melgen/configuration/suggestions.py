"""Guess the key or option that a user meant with one that does not exist."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

from hydra.conf import HydraConf
from omegaconf import OmegaConf

from melgen.configuration.known_keys import SET_OTHERWISE, accepts, parameters_of
from melgen.configuration.packaged import (
    GROUPS_OF_MANY,
    commands,
    dotted_keys,
    options_that_set,
    packaged_keys,
    targets_of,
    verb_of,
)
from melgen.pasting import program, shell_line

CLOSE = 0.75
"""The similarity, by `difflib`, from which one word counts as a misspelling of the other."""

MOST_NAMED = 3

DROPOUT = ("model.input_keep_prob", "model.output_keep_prob")

FIELD_WORDS: dict[str, tuple[str, ...]] = {
    "trainer.max_epochs": ("epochs", "epoch", "num_epochs", "n_epochs", "nb_epochs"),
    "trainer.max_steps": ("steps", "updates", "iterations", "iters", "max_iters", "num_steps", "n_steps"),
    "trainer.val_check_interval": ("val_interval", "eval_interval", "eval_every", "check_val_every_n_epoch"),
    "trainer.accelerator": ("device", "gpu", "gpus", "cuda", "n_gpus", "use_gpu"),
    "optimizer.lr": ("learning_rate", "learningrate", "lrate", "rate", "step_size"),
    "scheduler.schedule.gamma": ("decay", "lr_decay", "decay_rate"),
    "gradient_clip_norm": (
        "clip", "grad_clip", "clip_norm", "max_norm", "max_grad_norm", "gradient_clip_val", "gradient_clip",
        "gradient_clip_algorithm",
    ),
    "hidden_size": ("units", "hidden", "hidden_dim", "hidden_units", "rnn_size", "num_units", "width", "dim"),
    "parameters": ("params", "num_params", "n_params", "num_parameters", "n_parameters", "model_size"),
    "layers": ("num_layers", "n_layers", "nb_layers", "depth", "num_rnn_layers"),
    "model.embedding_size": ("embedding", "embedding_dim", "embed_dim", "emb_size"),
    "batch_size": ("batch", "bs", "minibatch", "minibatch_size"),
    "seq_length": ("seq_len", "sequence_length", "window", "bptt", "context", "context_length", "unroll"),
    "seed": ("random_seed", "random_state", "rng"),
    "workers": ("num_workers", "n_workers", "n_jobs", "num_processes"),
    "threads": ("num_threads", "n_threads"),
    "precision": ("amp", "fp16", "bf16", "half", "dtype"),
    "cell": ("network", "rnn", "architecture", "arch", "cell_type", "rnn_type"),
    "dataset": ("representation", "encoding"),
    "path": ("data", "data_dir", "data_path", "corpus_path", "corpus_dir", "folder", "midi_dir", "input_dir"),
    "output_dir": ("out", "out_dir", "output", "outdir", "log_dir", "logdir", "results", "default_root_dir"),
    "init_from": ("checkpoint", "ckpt", "ckpt_path", "pretrained", "weights", "finetune", "resume", "resume_from"),
    "name": ("run_name", "exp_name", "experiment_name", "label"),
    "progress": ("enable_progress_bar", "progress_bar", "verbose"),
    "songs": ("num_songs", "n_songs", "num_samples", "samples", "n"),
    "notes": ("length", "num_notes", "n_notes", "num_steps"),
    "temperature": ("temp", "t", "tau"),
    "checkpoint": ("run", "model", "ckpt", "run_dir", "weights"),
    "out": ("output", "output_dir", "out_dir", "outdir"),
    "tempo_qpm": ("bpm", "tempo", "qpm"),
    "to": ("format", "formats"),
    "dir": ("runs", "run_dir", "output_dir", "path", "folder"),
}  # fmt: skip
"""For keys of ours, what other programs and papers call them."""

_WORDS_FOR: dict[str, list[str]] = {}
for _key, _words in FIELD_WORDS.items():
    for _word in _words:
        _WORDS_FOR.setdefault(_word, []).append(_key)
for _word in ("dropout", "drop", "dropout_rate", "dropout_prob", "drop_prob", "keep_prob", "p_drop"):
    _WORDS_FOR[_word] = list(DROPOUT)


def explain_unknown(key: str, command: str, given: str = "", added: bool = True, targets: Collection[str] = ()) -> str:
    """One line: that the key is unknown, and the one that was probably meant.

    Args:
        key: dotted, without ``+``.
        command: the primary file of the command, without ``.yaml``.
        given: the key with its value as it was typed, or else the key.
        added: whether the configuration holds the key, and nothing reads it; else Hydra found no place for it.
        targets: what the user has set as the ``_target_`` of the part that the key is one of.

    >>> explain_unknown("lr", "config", "lr=0.5")
    'lr=0.5: unknown key; did you mean optimizer.lr?'
    >>> explain_unknown("layers", "status")
    'layers: unknown key of melgen.status; it is one of melgen.study and melgen.train'
    """
    given = given or key
    packaged = hydras_keys() if key.startswith("hydra.") else list(dotted_keys(packaged_keys(command)))
    parent, _, last = key.rpartition(".")
    known_targets = {*targets_of(command).get(parent, ()), *targets}
    taken = [f"{parent}.{name}" for target in sorted(known_targets) for name in parameters_of(target)]
    known = packaged + [
        name for name in taken if name not in packaged and name.rpartition(".")[2] not in SET_OTHERWISE.get(parent, {})
    ]
    meant = meant_keys(key, [name for name in known if name != key])
    if set(meant) == set(DROPOUT):
        return f"{given}: unknown key; did you mean {' or '.join(meant)}? They are shares that are kept: 1 - dropout"
    if instead := SET_OTHERWISE.get(parent, {}).get(last):
        return f"{given}: {instead}"
    group, _, part = parent.partition(".")
    if group in GROUPS_OF_MANY and part and key in packaged:
        return f"{given}: the chosen {group} option has no {part}; {group}={part} has"
    if accepting := [target for target in sorted(known_targets) if parent and accepts(target, last)]:
        setting = options_that_set(key)
        if {*accepting} <= {*setting.values()}:
            has = "has" if len(setting) == 1 else "have"
            return f"{given}: the chosen {group} has no {last}; {group}={', '.join(setting)} {has} it"
        if added:
            return f"{given}: unknown key of the chosen {parent}; {' and '.join(accepting)} would read it"
        value = given.partition("=")[2] or "..."
        return f"{given}: not set in the configuration; for {' or '.join(accepting)} +{key}={value} sets it"
    others = [verb_of(other) for other in commands() if other != command and key in dotted_keys(packaged_keys(other))]
    is_sure = bool(meant) and (meant[0].rpartition(".")[2] == last or last.lower() in _WORDS_FOR)
    if others and not is_sure:
        names = " and ".join(f"melgen.{other}" for other in sorted(others))
        return f"{given}: unknown key of melgen.{verb_of(command)}; it is one of {names}"
    if meant:
        return f"{given}: unknown key; did you mean {' or '.join(meant)}?"
    return f"{given}: unknown key; {shell_line(*program(verb_of(command)), '--help')} lists all keys"


def hydras_keys() -> list[str]:
    """Hydra's own keys, dotted."""
    content = OmegaConf.to_container(OmegaConf.structured(HydraConf), resolve=False)
    assert isinstance(content, dict)
    return [f"hydra.{key}" for key in dotted_keys({str(key): value for key, value in content.items()})]


def meant_keys(key: str, known: Sequence[str]) -> list[str]:
    """The keys that may be meant, the likeliest first: in the same group, of the same name elsewhere, by common terms.

    >>> known = ["layers", "hidden_size", "optimizer.lr", "trainer.max_epochs", "trainer.max_steps"]
    >>> [meant_keys(key, known) for key in ("layer", "lr", "epochs", "num_layers", "trainer.max_step", "foo")]
    [['layers'], ['optimizer.lr'], ['trainer.max_epochs'], ['layers'], ['trainer.max_steps'], []]
    """
    parent, _, last = key.rpartition(".")
    siblings = {name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == parent}
    words = [name for name in _WORDS_FOR.get(last.lower(), ()) if name in known]
    words = [*(siblings[word] for word in _WORDS_FOR.get(last.lower(), ()) if word in siblings), *words]
    if in_place := [name for name in words if name in siblings.values()]:
        return list(dict.fromkeys(in_place))
    if close := get_close_matches(last, siblings, n=1, cutoff=CLOSE):
        return [siblings[close[0]]]
    if same := [name for name in known if name.rpartition(".")[2] == last]:
        return sorted(same, key=lambda name: (name.count("."), name))[:MOST_NAMED]
    if words:
        return words
    if parts := [name for word, name in siblings.items() if last in word.split("_")]:
        return parts[:MOST_NAMED]
    lasts = {name.rpartition(".")[2]: name for name in sorted(known, key=lambda name: -name.count("."))}
    if close := get_close_matches(last, lasts, n=1, cutoff=CLOSE):
        return [lasts[close[0]]]
    return []


def meant_options(option: str, options: Iterable[str]) -> list[str]:
    """The options of a group that a misspelt one may mean.

    >>> meant_options("arids", ["airds", "essen", "folk"])
    ['airds']
    """
    return get_close_matches(option, list(options), n=1, cutoff=0.6)
