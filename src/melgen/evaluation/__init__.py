"""Measures and pictures of melodies and networks: pure functions on arrays, without torch.

`tonality` measures melodies; `embeddings` and `embedding_picture` show what a network has learnt.
"""
