"""Where a word begins and ends in bytes whose encoding nobody knows: UTF-8, what spreadsheets of old save, DVC's lists.

Ids that go on with a letter are other ids, with José as with Jos1: a letter beyond ASCII, and the mark that macOS
writes behind it, are no border of a word.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(rb"\\u([0-9A-Fa-f]{4})")
_LONG = 6
"""Bytes of an escape; of one character in UTF-8 there are four at most."""
_OF_WORDS = "LMN"
"""Unicode's letters, marks and numbers."""


def has_word(data: bytes, word: bytes) -> bool:
    """Whether `word` stands in `data` with neither a letter, a mark nor a digit before or behind it."""
    at = data.find(word)
    while at >= 0:
        if not _goes_on(data, at - 1, at) and not _goes_on(data, at + len(word), at + len(word)):
            return True
        at = data.find(word, at + 1)
    return False


def _goes_on(data: bytes, index: int, border: int) -> bool:
    """Whether a word goes on over a border, by the character that has the byte at `index`, before or behind it."""
    if not 0 <= index < len(data):
        return False
    for escape in _ESCAPE.finditer(data, max(0, index - _LONG + 1), index + _LONG):
        if escape.start() <= index < escape.end():
            return _belongs(chr(int(escape[1], 16)))
    if data[index] < 0x80:
        return _belongs(chr(data[index]))
    for start in range(index, max(-1, index - 4), -1):
        if data[start] & 0xC0 == 0xC0:  # the first byte of a character in UTF-8
            length = 2 + (data[start] >= 0xE0) + (data[start] >= 0xF0)
            try:
                character = data[start : start + length].decode()
            except UnicodeDecodeError:
                break
            if start < border < start + length:  # the word's end is a part of another character
                return True
            if index < start + length:
                return _belongs(character)
            break
    return _belongs(data[index : index + 1].decode("cp1252", errors="ignore"))


def _belongs(character: str) -> bool:
    """Whether it belongs to words; half of a pair, in escapes of what lies beyond 16 bits, does."""
    return any(unicodedata.category(part)[0] in _OF_WORDS or unicodedata.category(part) == "Cs" for part in character)
