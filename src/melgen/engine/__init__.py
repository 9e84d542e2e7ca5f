"""Networks as data for a page, and the JavaScript that runs them.

Each JavaScript file reads the data that the Python file of its name makes. `network` is one step of a network as a
short list of operations, which ``network.js`` interprets. `writing` has the tables by which ``writing.js`` reads and
writes tunes. ``composing.js`` continues a tune with both.
"""
