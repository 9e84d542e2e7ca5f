"""Each operation of torch that a cell may use, as operations of a program, in NumPy and in JavaScript."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from melgen.engine import script
from melgen.engine.network import _packed
from melgen.engine.program import BINARY, OPERATIONS, REDUCTIONS, UNARY, Constants
from melgen.engine.tracing import traced
from melgen.errors import EngineError
from tests.engine.engines import in_node
from tests.engine.interpreter import FUNCTIONS, NumpyNetwork

pytestmark = pytest.mark.slow
TOLERANCE = 2e-6
"""Of each number, or absolute: single precision."""

torch.manual_seed(0)
TABLE, WEIGHT, CUBE = torch.randn(5, 4), torch.randn(4, 4), torch.randn(3, 4, 2)

CASES = {
    # a is [1, 4], b is [3, 4]; numbers of both signs, with a zero
    "scalars": lambda a, b: 0.1 + a * 3 - (1 - b) / 7,
    "alpha": lambda a, b: torch.add(a, b, alpha=0.3) - torch.sub(a, b, alpha=2),
    "signs": lambda a, b: a.abs() + a.sign() * (-b),
    "rounding": lambda a, b: a.floor() + b.ceil() + (3 * b).trunc() + (2 * b).round(),
    "halves": lambda a, b: ((4 * b).round() / 2).round(),
    "exponentials": lambda a, b: a.exp() + b.expm1() + (1 + b.abs()).log() + b.abs().log1p(),
    "roots": lambda a, b: b.abs().sqrt() + (1 + b.abs()).rsqrt() + (2 + a).abs().add(1).reciprocal(),
    "angles": lambda a, b: a.sin() + b.cos(),
    "powers": lambda a, b: a**2 + a**3 + b.abs() ** 0.5 + torch.pow(b.abs() + 0.1, a),
    "error function": lambda a, b: torch.erf(3 * b),
    "activations": lambda a, b: F.silu(a) + F.softplus(b) + F.elu(a) + F.leaky_relu(b, 0.2) + F.gelu(b),
    "more activations": lambda a, b: F.mish(a) + F.selu(b) + F.hardtanh(b) + F.gelu(b, approximate="tanh"),
    "hard activations": lambda a, b: F.hardsigmoid(a * 3) + F.hardswish(b * 3) + F.relu6(b * 9) + F.softsign(b),
    "clamping": lambda a, b: b.clamp(-0.5, 0.5) + b.clamp(min=0.1) + torch.maximum(a, b) - torch.minimum(a, b),
    "remainders": lambda a, b: torch.remainder(5 * b, 1.5) + torch.fmod(5 * b, 1.5) + (5 * b) % 2,
    "floor division": lambda a, b: torch.div(5 * b, 2, rounding_mode="floor") + (5 * b) // 0.7,
    "comparisons": lambda a, b: (a > b).float() + (a <= 0).float() * 2 + (b == 0).float() * 4 + (a != b).float(),
    "logic": lambda a, b: ((a > 0) & (b > 0) | ~(a > b) ^ (b < 0)).float() + torch.logical_not(b).float(),
    "choices": lambda a, b: torch.where(a > 0, a, b) + b.masked_fill(b > 0, -1),
    "infinity": lambda a, b: F.softmax(b.masked_fill(b > 0.5, float("-inf")), dim=0),
    "interpolation": lambda a, b: torch.lerp(a, b, 0.3) + torch.lerp(a, b, a.sigmoid()),
    "sums": lambda a, b: b.sum() + b.sum(0) + b.mean(1, keepdim=True) + b.sum((0, 1), keepdim=True),
    "extremes": lambda a, b: b.amax(0) + b.amin(1, keepdim=True),
    "deviations": lambda a, b: b.var(0) + b.std(1, keepdim=True) + b.var(0, unbiased=False),
    "norm": lambda a, b: F.layer_norm(b, (4,), WEIGHT[0], WEIGHT[1]) + F.layer_norm(b, (3, 4)) + F.normalize(b, dim=1),
    "squares": lambda a, b: b * torch.rsqrt(b.pow(2).mean(-1, keepdim=True) + 1e-6),
    "softmax": lambda a, b: F.softmax(b, dim=0) + F.softmax(b, dim=1) + F.log_softmax(b, dim=-1),
    "products": lambda a, b: a @ WEIGHT + b @ WEIGHT.t() + F.linear(b, WEIGHT, WEIGHT[0]),
    "products of both": lambda a, b: (b @ b.t()) @ b + b @ (b.t() @ b),
    "scaled product": lambda a, b: torch.addmm(b, b, WEIGHT, beta=0.5, alpha=2) + torch.addmm(a, b, WEIGHT),
    "vector": lambda a, b: (WEIGHT @ a[0]) + torch.dot(a[0], b[1]) + b @ a[0].view(4, 1),
    "many products": lambda a, b: torch.bmm(b[:, None], CUBE) + torch.baddbmm(a[:, None, :2], b[:, None], CUBE),
    "einsum": lambda a, b: torch.einsum("ij,jk,ik->i", b, WEIGHT, b),
    "outer": lambda a, b: torch.outer(a[0], b[0]) @ WEIGHT,
    "arrangements": lambda a, b: b.t().reshape(3, 4) + b.flip(1) + b.roll(1, 0) + b.t().contiguous().view(3, 4),
    "slices": lambda a, b: torch.cat([b[:, ::2], b[1:, 1:3].repeat(2, 1)[:3], b[:, 3:]], dim=1),
    "stacks": lambda a, b: torch.stack([a[0], b[1]], dim=1) + torch.stack([b[0], b[2]]).t(),
    "chunks": lambda a, b: sum(part * n for n, part in enumerate(b.chunk(2, dim=1), 1)) + b.unflatten(1, (2, 2))[:, 1],
    "expanding": lambda a, b: a.expand(3, 4) * b.unsqueeze(1).expand(3, 2, 4)[:, 1] + a[0].repeat(3, 1),
    "constants": lambda a, b: b * torch.tensor([0.1, 0.2, 0.3, 1e-9]) + b.new_ones(4) + torch.zeros_like(b),
    "made of constants": lambda a, b: b @ (WEIGHT.softmax(0) * torch.tanh(TABLE[0])),
    "indices": lambda a, b: b[:, [3, 0, 0, 1]] + b[torch.tensor([2, 0, 1])] + torch.relu(b)[[0, 0, 1]],
    "rows": lambda a, b: F.embedding((b * 2).abs().long().clamp(0, 4), TABLE).sum(1),
    "casts": lambda a, b: (b * 3).long().float() + (b > 0).long() * 2 + (b * 3).int() % 2,
    "input and constant": lambda a, b: (b, TABLE),
}


class Case(nn.Module):
    def forward(self, *inputs):
        a, b = inputs[-2:]
        found = [case(a, b) for case in CASES.values()]
        return tuple(part for each in found for part in (each if isinstance(each, tuple) else (each,)))


@cache
def recorded():
    """The inputs, what torch makes of them, and the program of all cases as a network whose state it is."""
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(1, 4, generator=generator), torch.randn(3, 4, generator=generator)]
    inputs[1][1, 2] = 0.0
    constants = Constants()
    program = traced(Case(), [torch.zeros(1, 1), *inputs], constants, lambda path: f"part {path!r}")
    weights, packed = _packed(constants.tensors)
    data = {"format": 1, "vocab_size": 1, "output_size": 1, "duration_size": None, "weights": weights}
    outputs = [program["outputs"][0]] * 2 + program["outputs"]  # logits and output, then the state
    programs = {"step": {**program, "outputs": outputs}, "first": None, "durations": None}
    return inputs, Case()(*inputs), {**data, "constants": packed, **programs}


def check(found):
    _, expected, _ = recorded()
    names = [name for name in CASES for _ in range(2 if name == "input and constant" else 1)]
    for name, numbers, tensor in zip(names, found, expected, strict=True):
        wanted = tensor.float().flatten().numpy()
        np.testing.assert_allclose(np.ravel(numbers), wanted, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def test_each_operation_in_numpy():
    inputs, _, data = recorded()
    check(NumpyNetwork(data).step(0, [each.numpy() for each in inputs])[2])


def test_each_operation_in_javascript():
    inputs, _, data = recorded()
    body = """
    const { state } = new Network(given.data).step(0, given.inputs.map((each) => Float32Array.from(each)));
    return state.map((each) => [...each]);
    """
    check(in_node(body, data=data, inputs=[each.flatten().tolist() for each in inputs]))


def test_what_depends_on_constants_alone_is_prepared():
    _, _, data = recorded()
    assert {"div", "exp", "tanh", "mul"} <= {operation["name"] for operation in data["step"]["prepared"]}


def test_every_operation_is_tested_known_to_both_interpreters_and_described():
    _, _, data = recorded()
    used = {operation["name"] for operation in data["step"]["operations"]}
    assert OPERATIONS - used == set()
    assert FUNCTIONS.keys() | {"arrange"} == OPERATIONS
    text = script("network")
    for table, names in (("UNARY", UNARY), ("BINARY", BINARY), ("REDUCTIONS", REDUCTIONS)):
        (rows,) = re.findall(rf"const {table} = \{{(.*?)\n  \}};", text, re.DOTALL)
        assert set(re.findall(r"(?:^|, |\n)\s*(\w+):", rows)) == names
    named = set(re.findall(r'name === "(\w+)"', text))
    assert named == OPERATIONS - UNARY - BINARY - REDUCTIONS


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x.cumsum(1), "operation aten.cumsum.default of part .* is not among those that a page can do"),
        (lambda x: torch.rand_like(x), "operation aten.rand"),
        (lambda x: x.double() * 2, "computes numbers of type torch.float64"),
        (lambda x: x.long() & 3, "of whole numbers"),
        (lambda x: x.sort().values, "operation aten.sort"),
    ],
)
def test_an_unknown_operation_is_named(function, message):
    class Module(nn.Module):
        def forward(self, x):
            return (function(x),)

    with pytest.raises(EngineError, match=message):
        traced(Module(), [torch.ones(1, 4)], Constants(), lambda path: f"part {path!r}")
