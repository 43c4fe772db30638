#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Split a GGUF file as llama.cpp's tool does: metadata in the first part, tensors in all.

    split_gguf.py FILE STEM COUNT    writes STEM-00001-of-0000N.gguf ...
"""
import pathlib
import struct
import sys

_SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY, _U16, _I32 = 8, 9, 2, 5
_ALIGN = 32


class _Reader:
    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def number(self, code):
        (value,) = struct.unpack_from("<" + code, self.raw, self.at)
        self.at += struct.calcsize(code)
        return value

    def text(self):
        size = self.number("Q")
        self.at += size
        return self.raw[self.at - size : self.at].decode()

    def skip(self, kind):
        if kind == _STRING:
            self.text()
        elif kind == _ARRAY:
            element, count = self.number("I"), self.number("Q")
            if element in _SCALARS:
                self.at += _SCALARS[element] * count
            else:
                for _ in range(count):
                    self.skip(element)
        else:
            self.at += _SCALARS[kind]


def _aligned(size):
    return -(-size // _ALIGN) * _ALIGN


def _read(path):
    """(version, [raw entry of metadata], [(raw head of a tensor's entry, data)])"""
    r = _Reader(path.read_bytes())
    assert r.number("I") == 0x46554747, "not a GGUF file"
    version, n_tensors, n_values = r.number("I"), r.number("Q"), r.number("Q")
    values = []
    for _ in range(n_values):
        begin = r.at
        assert r.text() != "general.alignment", "only the default alignment is written"
        r.skip(r.number("I"))
        values.append(r.raw[begin : r.at])
    heads, offsets = [], []
    for _ in range(n_tensors):
        begin = r.at
        r.text()
        rank = r.number("I")
        r.at += 8 * rank + 4  # dimensions, type
        heads.append(r.raw[begin : r.at])
        offsets.append(r.number("Q"))
    base = _aligned(r.at)
    ends = sorted([*offsets, len(r.raw) - base])
    data = [r.raw[base + o : base + ends[ends.index(o) + 1]] for o in offsets]
    return version, values, list(zip(heads, data))


def _text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def _write(path, version, values, tensors):
    out = struct.pack("<4sIQQ", b"GGUF", version, len(tensors), len(values)) + b"".join(values)
    at = 0
    for head, data in tensors:
        out += head + struct.pack("<Q", at)
        at += _aligned(len(data))
    out += b"\0" * (_aligned(len(out)) - len(out))
    for _, data in tensors:
        out += data + b"\0" * (_aligned(len(data)) - len(data))
    path.write_bytes(out)


def main(file, stem, count):
    version, values, tensors = _read(pathlib.Path(file))
    count = int(count)
    for n in range(count):
        split = [
            _text("split.no") + struct.pack("<IH", _U16, n),
            _text("split.count") + struct.pack("<IH", _U16, count),
            _text("split.tensors.count") + struct.pack("<Ii", _I32, len(tensors)),
        ]
        begin, end = n * len(tensors) // count, (n + 1) * len(tensors) // count
        _write(pathlib.Path(f"{stem}-{n + 1:05}-of-{count:05}.gguf"), version,
               (values if n == 0 else []) + split, tensors[begin:end])


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__.strip())
    main(*sys.argv[1:])
