"""Rendering melodies: engraved scores, files for other programs, and sound.

`spelling` finds the key and names the notes, `measures` cuts them into bars; `engraving`, `musicxml` and `abc` write
the result. `bitmap` turns a score into PNG and PDF, `sound` plays a melody. `batch` does all this for many songs.
Nothing is imported here, so that a user of one module loads only its libraries.
"""
