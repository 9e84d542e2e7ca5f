"""The programs of `melgen.engine`, run in NumPy: a second interpreter, which checks the export alone."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from melgen.engine.network import NetworkData
from melgen.engine.program import OperationData, ProgramData

Array = NDArray[np.float32]

FUNCTIONS: dict[str, Any] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "cos": np.cos,
    "erf": np.vectorize(math.erf),
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log1p": np.log1p,
    "neg": np.negative,
    "not": np.logical_not,
    "reciprocal": np.reciprocal,
    "relu": lambda x: np.maximum(x, 0),
    "round": np.round,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "sign": np.sign,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trunc": np.trunc,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "remainder": np.mod,
    "fmod": np.fmod,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "xor": np.logical_xor,
    "where": lambda condition, x, y: np.where(condition != 0, x, y),
    "rows": lambda table, places: table[places.astype(int)],
    "product": lambda a, b, bias=0: a @ np.swapaxes(b, -1, -2) + bias,
    "concatenate": lambda *arrays: np.concatenate([array.ravel() for array in arrays]),
    "sum": np.sum,
    "mean": np.mean,
    "amax": np.max,
    "amin": np.min,
}


class NumpyNetwork:
    """The counterpart of the class of ``network.js``."""

    def __init__(self, data: NetworkData):
        self.data = data
        weights = np.frombuffer(base64.b64decode(data["weights"]), dtype="<f2").astype(np.float32)
        self.constants: list[Array] = []
        for constant in data["constants"]:
            if "offset" in constant:
                numbers = weights[constant["offset"] :][: math.prod(constant["shape"])]
            else:
                numbers = np.array(constant["values"], dtype=np.float32)
            self.constants.append(numbers.reshape(constant["shape"]))

    def start(self) -> list[Array]:
        step = self.data["step"]
        shapes = [step["values"][number]["shape"] for number in step["inputs"][1:]]
        return [] if self.data["first"] else [np.zeros(shape, dtype=np.float32) for shape in shapes]

    def step(self, tokens: Any, state: list[Array]) -> tuple[Array, Array, list[Array]]:
        """Logits, output and state."""
        program = self.data["first"] if self.data["first"] and not state else self.data["step"]
        logits, output, *after = self._run(program, [tokens, *state])
        return logits.ravel(), output, after

    def duration_logits(self, output: Array, token: int) -> Array:
        assert self.data["durations"] is not None
        return self._run(self.data["durations"], [output, token])[0].ravel()

    def _run(self, program: ProgramData, inputs: list[Any]) -> list[Array]:
        arrays: dict[int, Array] = {}
        shapes = [value["shape"] for value in program["values"]]
        for number, given in zip(program["inputs"], inputs, strict=True):
            arrays[number] = np.asarray(given, dtype=np.float32).reshape(shapes[number])

        def array(number: int) -> Array:
            value = program["values"][number]
            if "constant" in value:
                return self.constants[value["constant"]].reshape(value["shape"])
            if "of" in value:
                found = array(value["of"]).ravel()[value["offset"] :]
                return found[: math.prod(value["shape"])].reshape(value["shape"])
            return arrays[number]

        with np.errstate(all="ignore"):
            for operation in program["prepared"] + program["operations"]:
                output = operation["output"]
                found = computed(operation, [array(number) for number in operation["inputs"]], shapes[output])
                arrays[output] = np.asarray(found, dtype=np.float32).reshape(shapes[output])
        return [array(number) for number in program["outputs"]]


def computed(operation: OperationData, inputs: list[Array], shape: list[int]) -> Any:
    name = operation["name"]
    if name == "arrange":
        if "indices" in operation:
            return inputs[0].ravel()[operation["indices"]]
        places = np.full(shape, operation["offset"])
        for axis, stride in enumerate(operation["strides"]):
            places += stride * np.arange(shape[axis]).reshape([-1] + [1] * (len(shape) - axis - 1))
        return inputs[0].ravel()[places]
    if name in ("sum", "mean", "amax", "amin"):
        return FUNCTIONS[name](inputs[0].reshape(math.prod(shape), -1), axis=1)
    return FUNCTIONS[name](*inputs)
