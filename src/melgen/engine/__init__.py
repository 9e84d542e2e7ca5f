"""The network as data, and a small JavaScript engine that runs it: a report page carries both, in one file.

`network_data` writes one step of a network as a list of operations on arrays, with its weights. ``network.js``
interprets that list, so it knows no cell: a user's own cell runs like those of melgen.

`melgen.engine.network` has the format of the data, `melgen.engine.program` the operations of the interpreter,
`melgen.engine.lowering` their equivalents in torch, and `melgen.engine.tracing` reads a network's operations.
"""

from melgen.engine.network import NetworkData, network_data, rounded, script

__all__ = ["NetworkData", "network_data", "rounded", "script"]
