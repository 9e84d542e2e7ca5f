"""Writing melodies with a trained network.

`sampling` draws them and needs torch; `songs` stores and reads them without torch. Nothing is imported here, so
that reading stays quick.
"""
