"""Recurrent networks that score the next note: cells, stacks of cells, and the model around them. Plain torch.

The files, in an order in which they can be read::

    model.py                                      the network; all shapes use its letters
    stack.py, blocks.py                           layers on top of each other, and what surrounds each
    layer_building.py, cell_names.py              the layers of a network from its options, cells by their names
    layers/recurrent.py, state_checks.py          what a layer promises, and the check of a state that it is given
    layers/fast.py                                a reference, a fast implementation, and a table of what is used when
    scans/fast_path.py                            when the fast one can be used, and what its gradients share
    layers/projected.py, elementwise.py           weights multiply the input first; no product with the state
    cells/mingru.py, scans/linear_scan.py         a short cell of that kind, and its scan
    products/                                     the backends, which compute the products
    scans/kernels.py, kernel_scan.py              a step with a product with the state, and the loop over all steps
    scans/state_product.py, graphs.py             that product in each step; the loop, recorded on a GPU
    layers/kernel.py, scanned.py                  layers with a kernel, and those that torch lacks
    layers/torch_module.py                        those that torch has
    cells/ugrnn.py                                a short cell that torch lacks, with its gradient in formulas
    cells/                                        the others, a file for each; mogrifier_scan.py is a scan
    stepping.py, model_stepping.py                one note after another, to write songs
    scans/step_projection.py, kernel_stepping.py  the same with a kernel, in buffers that are kept
    cells/attention_stepping.py                   the same with attention, by the same projections
    choosing_backends.py, backend_candidates.py   the fastest backend of each layer on this machine
    sizes.py, widths.py, weight_shapes.py         how large a network is, or is to be
    initialization.py, embedding_tables.py, size_checks.py, registry.py  what all of them use

Each base class of the layers adds one assumption, and makes faster what that allows. `GRU` contains one of two layers::

    AbstractRecurrentLayer          nothing but the interface: forward, initialize       Attention, GRU
      AbstractFastLayer             has a reference and a fast implementation            Mogrifier
        AbstractProjectedLayer      weights multiply the input before anything else
          AbstractElementwiseLayer  no product with the state: coefficients, scan        IndRNN, LRU, HGRN2
            AbstractLinearLayer     h' = a * h + b: coefficients                         MinGRU, RGLRU
          AbstractKernelLayer       a kernel computes a step and its gradient
            AbstractTorchLayer      torch has the loop: module                           LSTM, RNN, one GRU
            AbstractScannedLayer    torch lacks it: step                                 NAS, UGRNN, SLSTM, one GRU

Words: a *cell* is a recurrence, such as the LSTM's, a *layer* a module that runs it over a sequence. A *window* is the
T steps of a training batch. A *table* is the matrix of an embedding, or its product with weights. The *paper* is
arXiv:2012.01231, whose networks melgen rebuilds. A *step* is one note of each melody, a *scan* the loop over all steps.
A *product with the state* is that of the state with a matrix of weights, in each step; without it, a step may still
multiply each number of the state by a weight of its own. A *kernel* is the arithmetic of a step (TensorFlow's kernels,
in `initialization`, are weights). A *backend* is who computes a layer: a library for its matrix products, or torch's
module for the whole layer. A *row* is that of a matrix, such as a table of an embedding. To *read* notes is to go on
from the state before them to the state after them.

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
from melgen.networks.layers.projected import Projection
from melgen.networks.layers.recurrent import AbstractRecurrentLayer, map_state
from melgen.networks.layers.scanned import AbstractScannedLayer
from melgen.networks.layers.torch_module import AbstractTorchLayer
from melgen.networks.model import MelodyModel
from melgen.networks.scans.kernels import AbstractKernel
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
    "AbstractKernel",
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
    "Projection",
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
