"""Writing melodies with a trained network.

`sampling` draws values and needs torch, `composing` turns them into melodies, `songs` stores and reads those
without torch. Nothing is imported here, so that reading stays quick.
"""
