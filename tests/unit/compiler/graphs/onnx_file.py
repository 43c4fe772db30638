# SPDX-License-Identifier: MIT
"""ONNX files, written without any package: as much of protobuf as that needs."""

import struct

FLOAT, INT32, INT64, BOOL, HALF, BFLOAT = 1, 6, 7, 9, 10, 16

Attribute = "int | float | str | list[int]"


def varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number: int, value: "int | float | str | bytes") -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, list):
        return field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7)
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    return field(1, name) + field(3, value) + field(20, 2)


class Graph:
    def __init__(self, opset: int = 17) -> None:
        self.opset = opset
        self.parts: list[bytes] = []
        self.external = 0  # bytes of weights beside the file so far
        self.count = 0

    def name(self, of: str) -> str:
        self.count += 1
        return f"{of}_{self.count}"

    def nodes(self, op: str, inputs: "list[str]", outputs: int, **attributes: Attribute) -> "list[str]":
        """Of an operator com.microsoft's names begin with ms."""
        domain = "com.microsoft" if op.startswith("ms.") else ""
        kind = op.removeprefix("ms.")
        name = self.name(kind)
        made = [name if i == 0 else f"{name}_{i}" for i in range(outputs)]
        body = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in made)
        body += field(3, "/" + name) + field(4, kind)
        body += b"".join(field(5, attribute(k, v)) for k, v in attributes.items())
        self.parts.append(field(1, body + (field(7, domain) if domain else b"")))
        return made

    def node(self, op: str, inputs: "list[str]", **attributes: Attribute) -> str:
        return self.nodes(op, inputs, 1, **attributes)[0]

    def tensor(self, number: int, shape: "list[int]", data: bytes, name: str = "") -> str:
        name = name or self.name("constant")
        self.parts.append(field(5, b"".join(field(1, d) for d in shape) + field(2, number) + field(8, name) +
                                field(9, data)))
        return name

    def beside(self, number: int, shape: "list[int]", size: int, location: str, name: str) -> str:
        """`size` bytes more of the file of weights."""
        entries = {"location": location, "offset": str(self.external), "length": str(size)}
        self.external += size
        body = b"".join(field(1, d) for d in shape) + field(2, number) + field(8, name)
        body += b"".join(field(13, field(1, k) + field(2, v)) for k, v in entries.items()) + field(14, 1)
        self.parts.append(field(5, body))
        return name

    def ints(self, *values: int) -> str:
        return self.tensor(INT64, [len(values)], struct.pack(f"<{len(values)}q", *values))

    def integer(self, value: int) -> str:
        return self.tensor(INT64, [], struct.pack("<q", value))

    def number(self, value: float) -> str:
        return self.tensor(FLOAT, [], struct.pack("<f", value))

    def floats(self, shape: "list[int]", values: "list[float]", name: str = "") -> str:
        return self.tensor(FLOAT, shape, struct.pack(f"<{len(values)}f", *values), name)

    def input(self, name: str, number: int, dims: "list[int | str]") -> str:
        self.parts.append(field(11, self.value(name, number, dims)))
        return name

    def output(self, value: str, name: str, number: int, dims: "list[int | str]") -> None:
        body = field(1, value) + field(2, name) + field(3, "/" + name) + field(4, "Identity")
        self.parts.append(field(1, body) + field(12, self.value(name, number, dims)))

    @staticmethod
    def value(name: str, number: int, dims: "list[int | str]") -> bytes:
        shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
        return field(1, name) + field(2, field(1, field(1, number) + field(2, shape)))

    def unsqueeze(self, x: str, *axes: int) -> str:
        if self.opset < 13:
            return self.node("Unsqueeze", [x], axes=list(axes))
        return self.node("Unsqueeze", [x, self.ints(*axes)])

    def mean(self, x: str) -> str:
        if self.opset < 18:
            return self.node("ReduceMean", [x], axes=[-1], keepdims=1)
        return self.node("ReduceMean", [x, self.ints(-1)], keepdims=1)

    def bytes(self) -> bytes:
        graph = b"".join(self.parts) + field(2, "main")
        sets = field(8, field(1, "") + field(2, self.opset)) + field(8, field(1, "com.microsoft") + field(2, 1))
        return field(1, 8) + field(2, "test") + field(7, graph) + sets
