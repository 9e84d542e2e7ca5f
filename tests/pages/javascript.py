"""The names of members that JavaScript reads, found without running it."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_REGEX = re.compile(r"/(?:[^/\\\n\[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_BEFORE_REGEX = re.compile(r"(?:^|[(,=:\[!&|?{};\n]|return)\s*$")
_MEMBER = re.compile(r"(?<![.\d])\??\.\s*([A-Za-z_$][\w$]*)")
_ENDS_PATTERN = r"\s*(?:=(?![=>])|of\b|\)\s*=>|\)\s*\{|,[^;{}()]*\)\s*(?:=>|\{))"
_PATTERN = re.compile(r"\{([^{}]*)\}(?=" + _ENDS_PATTERN + ")")
_NESTED_PATTERN = re.compile(r":\s*(\{[^{}]*\})(?=[^{}]*\}" + _ENDS_PATTERN + ")")
_DEFINED = re.compile(
    r"""[{,]\s*([A-Za-z_$][\w$]*)\s*:                              # a key
    |^\ \ (?:async\ |get\ )?([A-Za-z_$][\w$]*)\([^()]*\)\ \{       # a method
    |\.([A-Za-z_$][\w$]*)\s*=(?![=>])                              # a member that is set
    """,
    re.VERBOSE | re.MULTILINE,
)
_OBJECT = re.compile(r"[=(:,?]\s*\{([^{}]*)\}|return\s*\{([^{}]*)\}")
"""An object without another one in it. Its short keys, ``{ a, b: 1 }``, are parts that are a name alone."""


def code_of(script: str) -> str:
    """A script without comments, strings and regular expressions, but with the expressions in template strings.

    >>> code_of('a.b("c.d", `e.f ${g.h} ${`${i}`}`); // j.k')
    'a.b("",  g.h  i  ); '
    """
    found, at, depths = [], 0, []
    while at < len(script):
        if depths and depths[-1] == 0:  # in the text of a template
            if script.startswith("${", at):
                depths[-1], at = 1, at + 2
                found.append(" ")
            elif script[at] == "`":
                depths.pop()
                at += 1
                found.append(" ")
            else:
                at += 2 if script[at] == "\\" else 1
            continue
        if match := _COMMENT.match(script, at):
            at = match.end()
        elif match := _STRING.match(script, at):
            found.append('""')
            at = match.end()
        elif script[at] == "/" and _BEFORE_REGEX.search("".join(found[-20:])) and (match := _REGEX.match(script, at)):
            found.append("0")
            at = match.end()
        elif script[at] == "`":
            depths.append(0)
            at += 1
        else:
            if depths:
                depths[-1] += {"{": 1, "}": -1}.get(script[at], 0)
            if not depths or depths[-1]:
                found.append(script[at])
            at += 1
    return "".join(found)


def names_read(script: str) -> set[str]:
    """Names of members that a script reads: after a dot, or in a destructuring pattern.

    >>> sorted(names_read('const { a, b: { c } } = x; f(({ d }) => x?.e.f(0.5, ...g) && { h });'))
    ['a', 'b', 'c', 'd', 'e', 'f']
    >>> sorted(names_read('for (const { a } of x) {}'))
    ['a']
    """
    code = code_of(script)
    return set(_MEMBER.findall(code)) | _taken_apart(code)[0]


def names_defined(script: str) -> set[str]:
    """Names of members that a script defines itself: keys and methods that it writes.

    >>> sorted(names_defined('const { z } = x = { a: 1 }; y.e = { b }; return { c: 1, d };'))
    ['a', 'b', 'c', 'd', 'e']
    """
    _, code = _taken_apart(code_of(script))
    parts = {part.strip() for each in _OBJECT.findall(code) for keys in each for part in keys.split(",")}
    short = {part for part in parts if re.fullmatch(r"[A-Za-z_$][\w$]*", part)}
    return {name for found in _DEFINED.findall(code) for name in found if name} | short


def _taken_apart(code: str) -> tuple[set[str], str]:
    """The names of members in destructuring patterns, and the code without these."""
    found = []
    for pattern in (_NESTED_PATTERN, _PATTERN):
        found += [match.strip("{}") for match in pattern.findall(code)]
        code = pattern.sub("", code)
    names = {part.split(":")[0].split("=")[0].strip() for each in found for part in each.split(",")}
    return {name for name in names if re.fullmatch(r"[\w$]+", name)}, code
