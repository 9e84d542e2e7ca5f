"""One call of a module as a program: torch records its operations, which are then lowered one by one."""

from __future__ import annotations

import contextlib
import io
import operator
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from melgen.engine.lowering import IGNORED, UnknownOperationError, lower
from melgen.engine.program import Builder, Constants, Operand, ProgramData, Value
from melgen.errors import EngineError

DTYPES = (torch.float32, torch.int64, torch.int32, torch.bool)
"""The types of tensors that single precision can represent; whole numbers up to 2 ** 24."""


def traced(
    module: nn.Module, inputs: Sequence[Tensor], constants: Constants, name_of: Callable[[str], str]
) -> ProgramData:
    """The program of a module that returns a tuple of tensors.

    Args:
        module: the module; its weights need no gradient.
        inputs: examples of its inputs; the program needs inputs of their shapes.
        constants: receives the constants of the program.
        name_of: how to name a part of the module in a message, by its dotted path.

    Raises:
        EngineError: for an operation that the interpreter does not know, with its name and that of the part, and for
            a module whose operations torch cannot record.
    """
    exported = _recorded(module, inputs, name_of(""))
    signature = exported.graph_signature
    tensors = {**exported.state_dict, **exported.constants}
    builder, found = Builder(), {}
    specs = {spec.arg.name: spec for spec in signature.input_specs}
    for node in exported.graph.nodes:
        if node.op == "placeholder":
            spec = specs[node.name]
            if spec.kind.name == "USER_INPUT":
                found[node] = builder.input(node.meta["val"].shape, node.meta["val"].dtype)
            else:
                found[node] = tensors[spec.target].detach()
        elif node.op == "call_function":
            found[node] = _lowered(builder, node, found, name_of)
    kinds = {spec.kind.name for spec in signature.output_specs}
    if kinds & {"BUFFER_MUTATION", "PARAMETER_MUTATION"}:
        raise EngineError("the network changes a weight or a buffer of its own as it reads, which a page cannot do")
    by_name = {node.name: operand for node, operand in found.items()}
    outputs = [by_name[spec.arg.name] for spec in signature.output_specs if spec.kind.name == "USER_OUTPUT"]
    return builder.finish(outputs, constants)


def _recorded(module: nn.Module, inputs: Sequence[Tensor], name: str) -> Any:
    """The recorded operations, decomposed into few kinds."""
    import torch.export  # takes seconds

    try:
        # torch warns of its own recurrent modules, and of its own code.
        # When it fails, torch also prints what it has recorded so far.
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), torch.no_grad():
            warnings.simplefilter("ignore")
            # With oneDNN an LSTM may become one operation of oneDNN.
            with torch.backends.mkldnn.flags(enabled=False):
                return torch.export.export(module, tuple(inputs), strict=False).run_decompositions()
    except EngineError:
        raise
    except Exception as error:  # torch raises many classes, some of which are not public
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise EngineError(
            f"torch cannot record the operations of {name} ({type(error).__name__}: {reason[0]})"
        ) from error


def _lowered(builder: Builder, node: Any, found: Mapping[Any, Any], name_of: Callable[[str], str]) -> Any:
    def operands(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [operands(part) for part in value]
        return found[value] if isinstance(value, torch.fx.Node) else value

    if node.target is operator.getitem:
        return operands(node.args[0])[node.args[1]]
    path = ([""] + [path for path, _ in node.meta.get("nn_module_stack", {}).values()])[-1]
    where = f"operation {node.target} of {name_of(path)}"
    expected = node.meta.get("val")
    if isinstance(expected, Tensor) and expected.dtype not in DTYPES:
        raise EngineError(f"{where} computes numbers of type {expected.dtype}, which a page cannot do")
    schema = getattr(node.target, "_schema", None)
    name = schema.name.partition("::")[2] if schema is not None else ""
    if name in IGNORED:
        return None
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) if schema else {}
    arguments = {key: operands(value) for key, value in {**given, **node.kwargs}.items()}
    if isinstance(expected, Tensor) and not expected.is_floating_point() and _is_constant(arguments):
        return node.target(**arguments)  # exact, and often an index that must be constant
    try:
        lowered = lower(builder, name, node.target, arguments)
    except (UnknownOperationError, TypeError) as error:
        # A TypeError: the operation is known, but not with these arguments.
        detail = f" {error}" if str(error) else ""
        raise EngineError(f"{where} is not among those that a page can do{detail}") from error
    return _checked(lowered, expected) if isinstance(expected, Tensor) else lowered


def _is_constant(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_is_constant, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, Value)


def _checked(operand: Operand, expected: Tensor) -> Operand:
    """An operand with the type that torch gives it; its shape must be the same already."""
    assert tuple(operand.shape) == tuple(expected.shape), (operand.shape, expected.shape)
    return replace(operand, dtype=expected.dtype) if isinstance(operand, Value) else operand


def layer_in(path: str) -> int | None:
    """The number of the layer, from 0, to which a part of a network belongs.

    >>> layer_in("model.stack.layers.1.rnn"), layer_in("model.output")
    (1, None)
    """
    found = re.search(r"\bstack\.layers\.(\d+)", path)
    return int(found[1]) if found else None
