"""Loops over time: all steps of a layer in one function of autograd, or one step at a time without it.

A cell with a product with the state has a kernel, the arithmetic of a step (`kernels`); `kernel_scan` runs its steps,
`state_product` multiplies the state in each, `graphs` records the scan on a GPU, and `kernel_stepping` reads one step
at a time. A linear recurrence needs no kernel (`linear_scan`). `fast_path` has the conditions that all share, and
`step_projection` the products of a single step's input, for kernels and for attention.

Scans that several cells use are here. A scan of a single cell is with that cell: of the Mogrifier, which multiplies its
input in each step, in ``cells/mogrifier_scan.py``; of IndRNN, whose step has a relu, of LRU, whose states are complex,
and of HGRN2, which computes several steps at once and then uses `linear_scan`, in the files of these cells.
"""
