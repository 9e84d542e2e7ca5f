"""Text escaped for Markdown and LaTeX: titles of tunes contain any character."""

from __future__ import annotations

import re
import unicodedata

_UNPRINTABLE = ("Cc", "Cs")
# Straight double quotes are handled separately: LaTeX has opening and closing ones.
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "`": "{`}",
        # At the start of a row they would be taken for an argument of the \\ before it.
        "[": "{[}",
        "]": "{]}",
        "*": "{*}",
    }
)


def printable(text: str) -> str:
    """The text with a blank for each control character and each byte of a file name that was not UTF-8.

    >>> printable("Bonny\\tKate\\udcff")
    'Bonny Kate '
    """
    return "".join(" " if unicodedata.category(letter) in _UNPRINTABLE else letter for letter in text)


def single_line(text: str) -> str:
    """`printable` with single blanks between words, accents composed with their letters (NFC).

    >>> single_line("Bonny\\tKate\\n")
    'Bonny Kate'
    """
    return unicodedata.normalize("NFC", " ".join(printable(text).split()))


def escape_latex(text: str) -> str:
    r"""Text for a cell of a LaTeX table; letters beyond ASCII stay, in UTF-8.

    >>> print(escape_latex('"50% & more"_~'))
    ``50\% \& more''\_\textasciitilde{}
    """
    escaped = single_line(text).translate(_LATEX)
    return re.sub(r'(?<![^\s(/-])"', "``", escaped).replace('"', "''")


def escape_markdown(text: str) -> str:
    r"""Text for a cell of a Markdown table; what is special only elsewhere stays: ``a_b``, ``[1, 2]``.

    >>> print(escape_markdown("hidden_size | *new* _x_"))
    hidden_size \| \*new\* \_x\_
    """
    return re.sub(r"[\\|*`<~]|\](?=[(\[])|(?<!\w)_|_(?!\w)", lambda special: "\\" + special[0], single_line(text))
