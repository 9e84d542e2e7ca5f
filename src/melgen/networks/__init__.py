"""Recurrent networks that score the next note: cells, stacks of cells, and the model around them. Plain torch.

Read `model` first, whose letters all shapes use. Then `stack` and `blocks` (layers on top of each other, and what
surrounds each), `recurrent` (what a layer promises), and a short cell: `cells.mingru` or `cells.ugrnn`. Each base class
of the layers adds one assumption, and makes faster what that allows; `GRU` contains one of two layers::

    AbstractRecurrentLayer        nothing but the interface: forward, initialize        Attention, GRU
      AbstractProjectedLayer      weights multiply the input before anything else
        AbstractElementwiseLayer  no weight multiplies the state: coefficients, scan    IndRNN, LRU, HGRN2
          AbstractLinearLayer     h' = a * h + b: coefficients                          MinGRU, RGLRU
        AbstractKernelLayer       a kernel computes a step and its gradient             Mogrifier (with its own scan)
          AbstractTorchLayer      torch has the loop: module                            LSTM, RNN, one GRU
          AbstractScannedLayer    torch lacks it: step                                  NAS, UGRNN, SLSTM, one GRU

`fast_path` has the conditions that fast implementations share; `is_fast` of a layer adds its own. `linear_scan` and
`kernel_scan` are the loops over time, `state_product` is the product of a step, and on a GPU `graphs` records a scan.
`stepping` and `model_stepping` read note by note, to write songs. `products` are the libraries that multiply matrices,
and `choosing_backends` finds the fastest.

>>> import torch
>>> model = MelodyModel(vocab_size=40, layers=3, cell=mixed(["lstm", "lstm", "nas"]))
>>> logits, state = model(torch.zeros(1, 8, dtype=torch.int64))
>>> logits.shape
torch.Size([1, 8, 40])
"""

from melgen.networks.blocks import AbstractBlock, NoBlock, ResidualBlock
from melgen.networks.cell_names import find_layer, mixed
from melgen.networks.cells import (
    GRU,
    HGRN2,
    LRU,
    LSTM,
    NAS,
    RGLRU,
    RNN,
    SLSTM,
    UGRNN,
    Attention,
    IndRNN,
    MinGRU,
    Mogrifier,
)
from melgen.networks.initialization import INITIALIZATIONS, TensorFlowInit, TensorFlowStart
from melgen.networks.layers.elementwise import AbstractElementwiseLayer, AbstractLinearLayer
from melgen.networks.layers.kernel import AbstractScannedLayer, AbstractTorchLayer
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, map_state
from melgen.networks.model import MelodyModel
from melgen.networks.sizes import count_parameters, estimate_parameters
from melgen.networks.stack import RecurrentStack

__all__ = [
    "GRU",
    "HGRN2",
    "INITIALIZATIONS",
    "LRU",
    "LSTM",
    "NAS",
    "RGLRU",
    "RNN",
    "SLSTM",
    "UGRNN",
    "AbstractBlock",
    "AbstractElementwiseLayer",
    "AbstractLinearLayer",
    "AbstractRecurrentLayer",
    "AbstractScannedLayer",
    "AbstractTorchLayer",
    "Attention",
    "IndRNN",
    "MelodyModel",
    "MinGRU",
    "Mogrifier",
    "NoBlock",
    "RecurrentStack",
    "ResidualBlock",
    "TensorFlowInit",
    "TensorFlowStart",
    "count_parameters",
    "estimate_parameters",
    "find_layer",
    "map_state",
    "mixed",
]
