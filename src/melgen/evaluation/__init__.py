"""Measures and pictures of melodies and networks: pure functions on arrays, without torch.

`tonality` measures melodies; `embeddings` shows what a network has learnt.
"""
