"""Model files: a trained network in one ZIP that can be shared, without code and with strict reading.

=======================  ==============================================================================
member                   content
=======================  ==============================================================================
``README.md``            the model card
``model.json``           what the network is, how it was trained, its licence (`melgen.model_files.description`)
``weights.safetensors``  its weights
``songs/``               songs that it wrote: ``songs.json`` and MIDI files, see `melgen.generation.songs`
=======================  ==============================================================================

Nothing is compressed, so that a file cannot unpack to more than its own size. Equal contents give equal bytes.
`archive` and `description` need no torch; `weights` does.
"""
