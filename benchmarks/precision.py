"""Float32 products on this machine, in each precision that torch offers: how fast, and how exact.

python benchmarks/precision.py

`matmul_precision=medium` lets torch use oneDNN, and allows it to round to bfloat16. On a CPU without units for bfloat16
(AMX) oneDNN does not round, and its float32 kernels may be faster: about 2.5 times on AMD's Zen 5, where the default
library uses half the width. On a CPU with such units, results lose most of their digits. This table shows which case
applies.
"""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import torch
from table import interleaved

SHAPES = [(2500, 128, 512), (512, 2500, 128), (50, 128, 512), (50, 128, 128)]
PRECISIONS = ("highest", "high", "medium")


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'product':<18}" + "".join(f"{name + ' GFLOP/s':>18}{'error':>9}" for name in PRECISIONS))
    for rows, inner, columns in SHAPES:
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        exact = a.double() @ b.double()
        out = torch.empty(rows, columns)

        def product(precision: str, a=a, b=b, out=out) -> None:
            torch.set_float32_matmul_precision(precision)
            for _ in range(20):
                torch.mm(a, b, out=out)

        seconds = interleaved(*(lambda name=name: product(name) for name in PRECISIONS), repeats=9, warm_up=2)
        line = f"{rows} x {inner} x {columns}"
        cells = ""
        for precision, each in zip(PRECISIONS, seconds, strict=True):
            product(precision)
            error = float((out - exact).abs().max() / exact.abs().max())
            cells += f"{40 * rows * inner * columns / each / 1e9:>18.0f}{error:>9.0e}"
        print(f"{line:<18}{cells}")


if __name__ == "__main__":
    main()
