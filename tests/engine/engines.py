"""``network.js`` in Node, and the comparison of all three engines with torch."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import numpy as np
import torch

from melgen.engine import script
from melgen.engine.network import NetworkData, rounded
from melgen.networks import MelodyModel
from tests.engine.interpreter import NumpyNetwork
from tests.engine.javascript import node_program

TOLERANCE = 1e-4
"""Of the spread of the logits. The sums of single precision are in another order; 1.4e-6 was measured at most."""

READ = """
const network = new Network(given.data);
let state = network.start();
const steps = given.tokens.map((tokens, i) => {
  const found = network.step(tokens, state);
  state = found.state;
  const durations = given.chosen ? [...network.durationLogits(found.output, given.chosen[i])] : null;
  return { logits: [...found.logits], durations };
});
return steps;
"""
CONTINUE = """
const network = new Network(given.data), written = [];
const best = (scores) => scores.indexOf(Math.max(...scores));
let tokens = given.begin, state = network.start();
for (let i = 0; i < given.steps; i++) {
  const found = network.step(tokens, state), first = best(found.logits);
  state = found.state;
  tokens = network.durationSize === null ? first : [first, best(network.durationLogits(found.output, first))];
  written.push(tokens);
}
return written;
"""


def in_node(body: str, **given: Any) -> Any:
    """The value of the body of a function of ``given``, with ``network.js``."""
    program = (
        f'"use strict";\n{script("network")}\n'
        'const given = JSON.parse(require("fs").readFileSync(0, "utf8"));\n'
        f"const found = (() => {{ {body} }})();\n"
        'require("fs").writeSync(1, JSON.stringify(found));\n'
    )
    text = json.dumps(given, allow_nan=False)
    done = subprocess.run([node_program(), "-e", program], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def random_tokens(model: MelodyModel, steps: int) -> torch.Tensor:
    """Tokens that the network reads, ``[steps]`` or ``[steps, 2]``."""
    tokens = torch.randint(model.vocab_size, (steps,))
    if model.duration_size is None:
        return tokens
    return torch.stack([tokens, torch.randint(model.duration_size + 1, (steps,))], dim=-1)


def by_torch(model: MelodyModel, tokens: torch.Tensor, chosen: torch.Tensor) -> list[torch.Tensor]:
    """Logits ``[steps, V]`` and, with durations, those of the durations of the chosen tokens; read step by step."""
    model, outputs, state = rounded(model).eval(), [], None
    with torch.no_grad():
        for each in tokens:
            output, state = model.read(each[None, None], state)
            outputs.append(output)
        output = torch.cat(outputs, dim=1)
        found = [model.logits(output)[0]]
        if model.duration_size is not None:
            found.append(model.duration_logits(output, chosen[None])[0])
    return found


def error_of(found: Any, expected: torch.Tensor) -> float:
    """The largest difference, as a share of the spread of the expected logits."""
    difference = np.abs(np.asarray(found, dtype=np.float64) - expected.numpy()).max()
    return float(difference / max(float(expected.max() - expected.min()), 1e-3))


def check_equal(model: MelodyModel, data: NetworkData, steps: int = 20) -> None:
    """Compare the logits of a network's data with torch, in NumPy and in JavaScript."""
    tokens, chosen = random_tokens(model, steps), torch.randint(model.output_size, (steps,))
    expected = by_torch(model, tokens, chosen)
    network, logits, durations = NumpyNetwork(data), [], []
    state = network.start()
    for token, choice in zip(tokens, chosen, strict=True):
        scores, output, state = network.step(token.numpy(), state)
        logits.append(scores)
        if model.duration_size is not None:
            durations.append(network.duration_logits(output, int(choice)))
    found = [logits, durations] if durations else [logits]
    assert max(error_of(*pair) for pair in zip(found, expected, strict=True)) < TOLERANCE
    chosen_or_none = None if model.duration_size is None else chosen.tolist()
    read = in_node(READ, data=data, tokens=tokens.tolist(), chosen=chosen_or_none)
    keys = ["logits"] if model.duration_size is None else ["logits", "durations"]
    errors = [error_of([step[key] for step in read], part) for key, part in zip(keys, expected, strict=True)]
    assert max(errors) < TOLERANCE


def check_continuation(model: MelodyModel, data: NetworkData, steps: int = 30) -> None:
    """Compare a continuation that always takes the best token.

    torch reads what JavaScript wrote: each token must be the best by torch too, or differ from it by less than the
    tolerance.
    """
    begin = random_tokens(model, 1)
    written = torch.tensor(in_node(CONTINUE, data=data, begin=begin.tolist()[0], steps=steps))
    read = torch.cat([begin, written[:-1]])
    first = written if model.duration_size is None else written[:, 0]
    scores = by_torch(model, read, first)
    choices = [first] if model.duration_size is None else [first, written[:, 1]]
    for each, taken in zip(scores, choices, strict=True):
        missing = each.max(dim=1).values - each.gather(1, taken[:, None])[:, 0]
        assert float(missing.max()) <= TOLERANCE * float(each.max() - each.min())
