"""The products that are fastest on this machine, for the sizes of a network.

Each kind of layer is timed with each of its candidates, forwards and backwards. The result is kept in a file, so that
all trainings of a machine use the same: products of different libraries round in a different order.
"""

from __future__ import annotations

import copy
import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from melgen.errors import LockedError
from melgen.files import replacing
from melgen.internals.torch import onednn_multiplies, packs_linear
from melgen.locks import locked
from melgen.networks.layers.kernel import AbstractKernelLayer, AbstractTorchLayer
from melgen.networks.layers.projected import AbstractProjectedLayer
from melgen.networks.layers.recurrent import AbstractRecurrentLayer
from melgen.networks.model import MelodyModel
from melgen.networks.products.backends import (
    BFLOAT16,
    FEWEST_MULTIPLICATIONS,
    MODULE,
    ONEDNN,
    PACKED,
    PRODUCTS,
    SEQUENCES,
    TORCH,
    Products,
    linear,
)

log = logging.getLogger(__name__)

FORMAT_VERSION = 2
"""Also raised when a change of the scan makes other products the fastest."""
LARGEST_ERROR = 1e-5
"""Of a float32 product, relative to its largest value. bfloat16 has errors of 1e-3, float32 of 1e-6."""
STEPS = 16
"""The most steps of the sequences that are timed."""
WARM_UP, ROUNDS, MOST_ROUNDS = 1, 4, 16
CLOSE, EQUAL = 1.05, 1.02
"""Results this near to the best are measured again; those that remain this near count as equal."""

Choice = Mapping[str, str]
"""The name of the products of each layer, ``layer 1`` the lowest, and of the ``output``."""


def choose(model: MelodyModel, batch_size: int, steps: int, file: Path) -> dict[str, str]:
    """Find the fastest products for each part of a network: in float32, or in bfloat16 if autocast asks for it.

    Args:
        model: the network, on a CPU; it does not change.
        batch_size: B of a training window.
        steps: T of a training window.
        file: where this machine's choices are kept; a damaged file is replaced.
    """
    parts = _parts(model, batch_size, steps)
    known = _read(file)
    if any(part.key not in known for part in parts):
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with locked(file.with_name(f"{file.name}.lock"), wait_seconds=60.0):
                known = _measured(parts, _read(file))  # another process may have measured meanwhile
                _write(file, known)
        except (OSError, LockedError) as error:
            log.warning("%s: cannot be kept, so the next training measures the products again (%s)", file, error)
            known = _measured(parts, known)
    return {part.name: known[part.key] for part in parts}


def _measured(parts: Iterable[_Part], known: Mapping[str, str]) -> dict[str, str]:
    """What is known, and the fastest products of the other parts."""
    found = dict(known)
    for part in parts:
        if part.key not in found:
            found[part.key] = fastest(part.candidates()).name
    return found


def file_in(cache_dir: Path) -> Path:
    """The file with the choices of this machine."""
    return cache_dir / "products.json"


def apply(model: MelodyModel, choice: Choice) -> None:
    """Use these products from now on; torch's default for a part that is not named.

    Raises:
        ValueError: for a name that there is not.
    """
    for part, modules in _places(model):
        name = choice.get(part, TORCH.name)
        if name not in PRODUCTS:
            raise ValueError(f"products of {part}: {name!r} is unknown; known are {', '.join(PRODUCTS)}")
        for module in modules:
            module.backend = PRODUCTS[name]


def everywhere(model: MelodyModel, products: str) -> dict[str, str]:
    """The choice of the same products for every part."""
    return {part: products for part, _ in _places(model)}


def is_possible(products: Products) -> bool:
    """Whether this machine has the products."""
    if products.in_bfloat16:
        return onednn_multiplies(torch.bfloat16)
    if products.packs:
        return packs_linear()
    return torch.backends.mkldnn.is_available() or not products.onednn_for_sequences


@cache
def products_of_stepping() -> Products:
    """The products of networks that read step by step, as when they write songs.

    They follow from a rule and not from a clock, so that a machine writes the same songs whenever it is asked: oneDNN,
    if it is exact here, since it is never much slower than torch's default for many rows, and often twice as fast.
    """
    return ONEDNN if is_possible(ONEDNN) and is_exact(ONEDNN, rows=64, inner=128, columns=512) else TORCH


def machine() -> str:
    """The processor, torch's version and its threads: the fastest products depend on them."""
    return f"{processor()}, torch {torch.__version__}, threads {torch.get_num_threads()}"


def processor() -> str:
    """The name of the processor, if the system reports it.

    >>> bool(processor())
    True
    """
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    named = ("model name", "vendor_id", "cpu family", "model")
    return " ".join(f"{key} {fields[key]}" for key in named if fields.get(key)) or platform.machine()


def fastest(candidates: Mapping[Products, Callable[[], object]]) -> Products:
    """The products whose function takes the least time; the first of those that are equally fast.

    The least time of several rounds counts, since other programs only ever add time.
    """
    if len(candidates) == 1:
        return next(iter(candidates))
    best = dict.fromkeys(candidates, float("inf"))
    for turn in range(WARM_UP + MOST_ROUNDS):
        for products, run in candidates.items():
            began = time.perf_counter()
            run()
            if turn >= WARM_UP:
                best[products] = min(best[products], time.perf_counter() - began)
        if turn + 1 >= WARM_UP + ROUNDS:
            first, second, *_ = sorted(best.values())
            if second > CLOSE * first:
                break
    log.debug("%s", ", ".join(f"{products.name} {seconds * 1e3:.2f} ms" for products, seconds in best.items()))
    least = min(best.values())
    return next(products for products, seconds in best.items() if seconds <= EQUAL * least)


def is_exact(products: Products, rows: int, inner: int, columns: int) -> bool:
    """Whether the products of a sequence and of a step are as exact as single precision allows."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(shape, generator=generator) for shape in ((rows, inner), (inner, columns)))
    true = left.double() @ right.double()
    step = torch.empty(rows, columns)
    with products.for_steps():
        products.of_step(right, rows, STEPS).write(left, step)
    found = (products.multiply(left, right), step)
    return all(float((each - true).abs().max() / true.abs().max()) < LARGEST_ERROR for each in found)


class _Part(NamedTuple):
    """A part of a network: its name, its key in the file, and its candidates with a function that runs each."""

    name: str
    key: str
    candidates: Callable[[], dict[Products, Callable[[], object]]]


def _places(model: MelodyModel) -> Iterator[tuple[str, list[Any]]]:
    """Each part with the modules that hold its products."""
    for number, layer in enumerate(model.layers, 1):
        yield f"layer {number}", [each for each in layer.modules() if isinstance(each, AbstractProjectedLayer)]
    yield "output", [model]


def _parts(model: MelodyModel, batch_size: int, steps: int) -> list[_Part]:
    width, half = model.output.in_features, torch.is_autocast_enabled("cpu")
    size = f"{batch_size} x {steps}{' bfloat16' if half else ''}"
    tables = (
        [(len(table), table.shape[1]) for table in model.tables] if model.stack.can_read_rows(len(model.tables)) else []
    )
    parts = []
    for (name, modules), layer in zip(_places(model), [*model.layers, None], strict=True):
        if layer is None:
            key = f"linear {width} to {model.output_size}, {size}"
            parts.append(_Part(name, key, lambda: _of_output(width, model.output_size, batch_size * steps)))
        elif len(modules) == 1 and not (isinstance(modules[0], AbstractKernelLayer) and modules[0].kernel is None):
            rows = tables if name == "layer 1" else []
            read = " and ".join(str(count) for count, _ in rows) + " rows of " if rows else ""
            kind = f"{type(modules[0]).__module__}.{type(modules[0]).__qualname__}"
            key = f"{kind} {read}{layer.input_size} to {layer.hidden_size}, {size}"
            parts.append(_Part(name, key, partial(_of_layer, layer, rows, batch_size, steps)))
    return [each._replace(key=f"{machine()}: {each.key}") for each in parts]


def _of_layer(
    layer: AbstractRecurrentLayer, rows: list[tuple[int, int]], batch_size: int, steps: int
) -> dict[Products, Callable[[], object]]:
    """The candidates of a layer that reads rows of tables of these shapes, or a sequence if there are no tables."""
    layer = copy.deepcopy(layer)
    (inner,) = (each for each in layer.modules() if isinstance(each, AbstractProjectedLayer))
    of_steps = isinstance(inner, AbstractKernelLayer)
    weight = inner.parts()[1] if isinstance(inner, AbstractKernelLayer) else max(inner.parameters(), key=Tensor.numel)
    width, columns = layer.hidden_size, len(weight)
    # With few steps a table would have more rows than there are tokens, and would not be multiplied as a whole.
    steps = min(steps, max(STEPS, 2 * sum(count for count, _ in rows) // batch_size))
    generator = torch.Generator().manual_seed(0)
    tables = [torch.randn(shape, generator=generator, requires_grad=True) for shape in rows]
    tokens = [torch.randint(count, (batch_size, steps), generator=generator) for count, _ in rows]
    input = torch.randn(batch_size, steps, layer.input_size, generator=generator, requires_grad=True)
    gradient = torch.randn(batch_size, steps, width, generator=generator)
    half = torch.is_autocast_enabled("cpu")

    def run(products: Products) -> None:
        inner.backend = products
        with torch.enable_grad():
            if rows:
                output, _ = layer.forward_rows(tokens[0] if len(rows) == 1 else torch.stack(tokens, -1), tables)
            else:
                output, _ = layer(input)
        output.backward(gradient.to(output))

    if half:
        found = [*([MODULE] if isinstance(inner, AbstractTorchLayer) else []), BFLOAT16]
    elif batch_size * (1 if of_steps else steps) * width * columns < FEWEST_MULTIPLICATIONS:
        found = [TORCH]
    elif not of_steps:
        found = [TORCH, ONEDNN]
        found = [each for each in found if is_possible(each) and is_exact(each, batch_size * steps, width, columns)]
    else:
        # Without rows, torch's default is its fused LSTM anyway.
        fused = [MODULE] if rows and isinstance(inner, AbstractTorchLayer) and inner.module is nn.LSTM else []
        found = [TORCH, *fused, SEQUENCES, ONEDNN, PACKED]
        found = [each for each in found if is_possible(each) and is_exact(each, batch_size, width, columns)]
    return {products: partial(run, products) for products in found if is_possible(products)} or {
        TORCH: partial(run, TORCH)
    }


def _of_output(width: int, columns: int, rows: int) -> dict[Products, Callable[[], object]]:
    generator = torch.Generator().manual_seed(0)
    input, weight, bias = (
        torch.randn(shape, generator=generator, requires_grad=True)
        for shape in ((rows, width), (columns, width), columns)
    )
    gradient = torch.randn(rows, columns, generator=generator)

    def run(products: Products) -> None:
        with torch.enable_grad():
            linear(products, input, weight, bias).backward(gradient)

    candidates = [TORCH]
    if not torch.is_autocast_enabled("cpu") and rows * width * columns >= FEWEST_MULTIPLICATIONS:
        candidates += [ONEDNN] if is_possible(ONEDNN) and is_exact(ONEDNN, rows, width, columns) else []
    return {products: partial(run, products) for products in candidates}


def _read(file: Path) -> dict[str, str]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = content["products"] if content["format_version"] == FORMAT_VERSION else {}
        return {str(key): name for key, name in kept.items() if name in PRODUCTS}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.debug("%s: not used: %s", file, error)
        return {}


def _write(file: Path, known: Mapping[str, str]) -> None:
    with replacing(file) as temporary:
        text = json.dumps({"format_version": FORMAT_VERSION, "products": dict(sorted(known.items()))}, indent=2)
        temporary.write_text(text + "\n", encoding="utf-8")
