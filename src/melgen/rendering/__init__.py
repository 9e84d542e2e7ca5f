"""Melodies as something to see and to hear: engraved scores, files for other programs, sound.

`spelling` finds the key and names the notes, `measures` cuts them into bars; `engraving`, `musicxml` and `abc` write
what these found. `bitmap` turns a score into PNG and PDF, `sound` plays. `batch` does all of it for many songs.
Nothing is imported here, so that who needs one of them loads only its libraries.
"""
