"""Notes of the user's own for the top of a page: Markdown to HTML that a page may contain."""

from __future__ import annotations

from pathlib import Path

MOST_BYTES = 1_000_000


def read_notes(path: str | Path, key: str = "notes") -> str:
    """The HTML of a Markdown file; HTML in the file is shown as text, and pictures are left out.

    A page may fetch nothing, so a picture of a file or an address could not be shown.

    Args:
        path: the file.
        key: the name of the path in errors.

    Raises:
        ValueError: if the file cannot be read, is too large or is not a regular file; names it.
    """
    file = Path(path).expanduser()
    try:
        if not file.is_file() and not file.is_dir() and file.exists():  # reading a pipe would wait for ever
            raise ValueError(f"{key}={path}: must be a regular file")
        if (size := file.stat().st_size) > MOST_BYTES:
            raise ValueError(f"{key}={path}: must be a file of at most {MOST_BYTES:,} bytes, got {size:,}")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ValueError(f"{key}={path}: cannot be read ({reason})") from error
    return to_html(text)


def to_html(markdown: str) -> str:
    """Markdown as HTML without scripts, styles and pictures.

    >>> to_html("A *small* <b>note</b>")
    '<p>A <em>small</em> &lt;b&gt;note&lt;/b&gt;</p>\\n'
    """
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(reader.render(markdown))
