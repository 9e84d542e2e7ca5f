"""The cells, a file for each: equations, initial weights, a reference, and for all but attention a fast implementation.

LSTM, GRU and RNN are torch's; NAS and UGRNN, which torch lacks, are as TensorFlow 1 defines them. sLSTM and the
Mogrifier, whose scan has a file of its own, are variants of the LSTM. Attention is a reference point: its state is the
last notes. MinGRU, RGLRU, LRU and HGRN2 are linear recurrences, whose gates do not read the state; a unit of IndRNN
reads the state of no other unit.

A cell is one class that a configuration names, with one file in ``conf/cell/``; ``docs/extending.md`` adds one.
Notation: x is the input of a step, h the state before it, h' the state after it; sigma is the logistic function, * the
elementwise product; W and R multiply input and state.

A constant that TensorFlow adds to a gate at run time (LSTM's and UGRNN's forget bias of +1) is here the
initial value of that gate's trained bias. The initial function is the same, and so is every gradient.
Gradient descent, Adam and clipping then change both in the same way, since the two parametrisations differ
by a constant. (Weight decay would not.)
"""

from melgen.networks.cells.attention import Attention
from melgen.networks.cells.gru import GRU
from melgen.networks.cells.hgrn2 import HGRN2
from melgen.networks.cells.indrnn import IndRNN
from melgen.networks.cells.lru import LRU
from melgen.networks.cells.lstm import LSTM
from melgen.networks.cells.mingru import MinGRU
from melgen.networks.cells.mogrifier import Mogrifier
from melgen.networks.cells.nas import NAS
from melgen.networks.cells.rglru import RGLRU
from melgen.networks.cells.rnn import RNN
from melgen.networks.cells.slstm import SLSTM
from melgen.networks.cells.ugrnn import UGRNN

__all__ = [
    "GRU",
    "HGRN2",
    "LRU",
    "LSTM",
    "NAS",
    "RGLRU",
    "RNN",
    "SLSTM",
    "UGRNN",
    "Attention",
    "IndRNN",
    "MinGRU",
    "Mogrifier",
]
