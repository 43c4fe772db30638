#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The training text: the King James Version as Debian's bible-kjv prints it, split into chapters.

A chapter becomes one document: a heading line ("Genesis 1"), then one verse a line, without verse
numbers. Every 50th chapter is held out for validation.
"""
import dataclasses
import re
import subprocess
import sys

BOOKS = (
    "Genesis|Exodus|Leviticus|Numbers|Deuteronomy|Joshua|Judges|Ruth|1 Samuel|2 Samuel|1 Kings|2 Kings|"
    "1 Chronicles|2 Chronicles|Ezra|Nehemiah|Esther|Job|Psalm|Proverbs|Ecclesiastes|Song of Solomon|"
    "Isaiah|Jeremiah|Lamentations|Ezekiel|Daniel|Hosea|Joel|Amos|Obadiah|Jonah|Micah|Nahum|Habakkuk|"
    "Zephaniah|Haggai|Zechariah|Malachi|Matthew|Mark|Luke|John|Acts|Romans|1 Corinthians|2 Corinthians|"
    "Galatians|Ephesians|Philippians|Colossians|1 Thessalonians|2 Thessalonians|1 Timothy|2 Timothy|"
    "Titus|Philemon|Hebrews|James|1 Peter|2 Peter|1 John|2 John|3 John|Jude|Revelation"
).split("|")
VERSES = 31102
HELD_OUT_EVERY = 50
LINE = re.compile(r"(\d?[A-Za-z]+)(\d+):(\d+) (\S.*)")


@dataclasses.dataclass
class Chapter:
    heading: str
    verses: list

    @property
    def text(self):
        return self.heading + "\n" + "\n".join(self.verses)


def chapters():
    """All chapters in order. Fails loudly if the package prints anything unexpected."""
    out = subprocess.run(
        ["bible", "-f", "gen1:1-rev22:21"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout
    lines = out.splitlines()
    if len(lines) != VERSES:
        sys.exit(f"corpus: bible-kjv printed {len(lines)} lines, {VERSES} verses expected")
    found, book, last = [], -1, None
    for line in lines:
        m = LINE.fullmatch(line)
        if not m:
            sys.exit(f"corpus: not a verse: {line!r}")
        abbreviation, chapter, verse, text = m[1], int(m[2]), int(m[3]), " ".join(m[4].split())
        if abbreviation != last:
            book, last = book + 1, abbreviation
        if verse == 1:
            found.append(Chapter(f"{BOOKS[book]} {chapter}", []))
        found[-1].verses.append(text)
    if book + 1 != len(BOOKS):
        sys.exit(f"corpus: {book + 1} books, {len(BOOKS)} expected")
    return found


def split(all_chapters):
    """Training chapters, validation chapters."""
    train = [c for i, c in enumerate(all_chapters) if i % HELD_OUT_EVERY != HELD_OUT_EVERY // 2]
    held = all_chapters[HELD_OUT_EVERY // 2 :: HELD_OUT_EVERY]
    return train, held


if __name__ == "__main__":
    train, held = split(chapters())
    for name, part in (("training", train), ("validation", held)):
        print(f"{name}: {len(part)} chapters, {sum(len(c.text) for c in part)} characters")
