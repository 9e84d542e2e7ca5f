"""Loops over time: all steps of a layer in one function of autograd, or one step at a time without it.

A cell with a product with the state has a kernel, the arithmetic of a step (`kernels`); `kernel_scan` runs its steps,
`state_product` multiplies the state in each, `graphs` records the scan on a GPU, and `kernel_stepping` reads one step
at a time. A linear recurrence needs no kernel (`linear_scan`). `fast_path` has the conditions that all share.
"""
