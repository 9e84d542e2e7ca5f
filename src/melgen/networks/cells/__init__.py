"""The cells, a file for each. Three are torch's; NAS and UGRNN, which torch lacks, are as TensorFlow 1 defines them.
Attention is a reference point for them, with the last notes as its state.

Adding a cell takes one class here and one file in ``conf/cell/``. Notation: x is the input of a step, h
the state before it, h' the state after it; sigma is the logistic function, * the elementwise product; W and R
multiply input and state.

A constant that TensorFlow adds to a gate at run time (LSTM's and UGRNN's forget bias of +1) is here the
initial value of that gate's trained bias. The initial function is the same, and so is every gradient.
Gradient descent, Adam and clipping then change both in the same way, since the two parametrisations differ
by a constant. (Weight decay would not.)
"""

from melgen.networks.cells.attention import Attention
from melgen.networks.cells.gru import GRU
from melgen.networks.cells.lstm import LSTM
from melgen.networks.cells.mogrifier import Mogrifier
from melgen.networks.cells.nas import NAS
from melgen.networks.cells.rnn import RNN
from melgen.networks.cells.slstm import SLSTM
from melgen.networks.cells.ugrnn import UGRNN

__all__ = ["GRU", "LSTM", "NAS", "RNN", "SLSTM", "UGRNN", "Attention", "Mogrifier"]
