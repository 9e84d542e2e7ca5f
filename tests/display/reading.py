"""Read the HTML of a shown object as strictly as the tests need: every element closed, in order."""

from __future__ import annotations

import base64
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import soundfile

_EMPTY = {"br", "img", "input"}


class Element:
    """An element, with its attributes, its texts and its children."""

    def __init__(self, tag, attributes):
        self.tag, self.attributes = tag, attributes
        self.children, self.texts = [], []

    def all(self, tag):
        """The elements of a tag, below this one."""
        found = []
        for child in self.children:
            found += ([child] if child.tag == tag else []) + child.all(tag)
        return found

    @property
    def text(self):
        """The text in it and below it."""
        return " ".join([*self.texts, *(child.text for child in self.children)])


class _Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute of {tag} is there twice"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _EMPTY:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open[-1].tag == tag, f"</{tag}> ends {self.open[-1].tag}"
        self.open.pop()

    def handle_data(self, data):
        self.open[-1].texts.append(data)


def read_html(text):
    """The elements of a piece of HTML without scripts."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    assert len(reader.open) == 1, f"{reader.open[-1].tag} is not closed"
    root = reader.open[0]
    assert not root.all("script")
    everything = [root]
    for element in everything:
        everything += element.children
        assert not [name for name in element.attributes if name.startswith("on")]
    return root


def drawings_of(text):
    """The SVG images in HTML, each read as XML, which is stricter."""
    parts = text.split("<svg ")[1:]
    return [ElementTree.fromstring(f"<svg {part.partition('</svg>')[0]}</svg>") for part in parts]


def notes_of(drawing):
    """The indices of the notes that an image shows."""
    return {int(element.get("data-note")) for element in drawing.iter() if element.get("data-note") is not None}


def sounds_of(root):
    """The samples of each player and their rate."""
    sounds = []
    for player in root.all("audio"):
        kind, _, content = player.attributes["src"].partition(",")
        assert kind == "data:audio/mpeg;base64"
        sounds.append(soundfile.read(BytesIO(base64.b64decode(content, validate=True))))
    return sounds
