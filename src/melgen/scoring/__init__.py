"""How well a network predicts tunes: sums of likelihood, bits of each note, and states. Plain torch, without Lightning.

The files, in an order in which they can be read::

    scores.py          loss, accuracy and bits per note of a network of pitches, summed over batches
    rhythm_scores.py   the same of a network that writes rhythm: bits of pitch and bits of rhythm
    likelihood.py      both for tunes of one's own, as a whole and tune by tune
    note_bits.py       the bits of each note
    note_states.py     the states before each note
"""
