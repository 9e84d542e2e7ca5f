"""A network that reads one token of each song at a time, and scores the next: how songs are written."""

from __future__ import annotations

from torch import Tensor

from melgen.networks.blocks import NoBlock
from melgen.networks.layers.recurrent import State
from melgen.networks.model import MelodyModel
from melgen.networks.products.backends import TORCH
from melgen.networks.products.measuring import backend_of_stepping
from melgen.networks.stepping import AbstractStepper, CallStepper


class ModelStepper:
    """Reads one time step after another.

    It has the scores of the ordinary call, except for rounding. The hooks of the network's modules are not called. Call
    ``model.eval()`` first, so that nothing drops out, and use it within ``torch.inference_mode()``: with gradients the
    steps are ordinary calls, which are slow.

    Args:
        model: the network, whose weights must not change meanwhile. If it has blocks, the steps are ordinary calls of
            its stack, and if its class has a ``read`` of its own, of ``read``.
        batch_size: B, the songs side by side.
        state: the state before the first step, None for zeros.

    Raises:
        ValueError: for a state that the layers of the network cannot have.

    >>> import torch
    >>> model = MelodyModel(vocab_size=10, hidden_size=16, layers=3)
    >>> tokens = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    >>> logits, _ = model(tokens)
    >>> with torch.inference_mode():
    ...     stepper = ModelStepper(model, batch_size=2)
    ...     steps = [stepper.logits(stepper.read(column)) for column in tokens.unbind(1)]
    >>> torch.allclose(torch.stack(steps, 1), logits, atol=1e-6)
    True
    """

    def __init__(self, model: MelodyModel, batch_size: int, state: State = None):
        self._model, self._backend = model, TORCH
        if type(model).read is not MelodyModel.read:
            self._steppers: list[AbstractStepper] = [CallStepper(model.read, state)]
            return
        output, tables = model.output.weight, model.tables
        model.stack.check_state(state, batch_size, output)
        if model.block != NoBlock.name:
            read = model.stack.forward_rows_unchecked
            self._steppers = [CallStepper(lambda tokens, before: read(tokens, tables, before), state)]
            return
        # On a GPU the context of oneDNN's products would let torch round to bfloat16.
        backend = backend_of_stepping() if output.device.type == "cpu" else TORCH
        self._backend = backend.or_default_if_small(batch_size * output.numel())
        states = [None] * len(model.layers) if state is None else state
        lowest, *above = zip(model.layers, states, strict=True)
        self._steppers = [lowest[0].stepper(batch_size, lowest[1], tables, backend)]
        self._steppers += [layer.stepper(batch_size, before, None, backend) for layer, before in above]

    def read(self, tokens: Tensor) -> Tensor:
        """What the output layers read after one more token of each song; the call after the next may overwrite it.

        Shape:
            tokens ``[B]``, with durations ``[B, 2]``; output ``[B, W]``.
        """
        output = tokens
        for stepper in self._steppers:
            output = stepper.step(output)
        return output

    def logits(self, output: Tensor) -> Tensor:
        """Scores of the next token, ``[B, P]``, by what `read` returned."""
        with self._backend.for_sequences():
            return self._model.logits(output.unsqueeze(1))[:, -1]

    def duration_logits(self, output: Tensor, tokens: Tensor) -> Tensor:
        """Scores of the duration of the next token, ``[B, D]``, given that token, ``[B]``."""
        with self._backend.for_sequences():
            return self._model.duration_logits(output.unsqueeze(1), tokens.unsqueeze(1))[:, -1]
