# SPDX-License-Identifier: MIT
"""Floats of 8 to 32 bits as lists of Python's, each rounded once, to nearest even."""
import bisect
import struct
import sys
from array import array

assert sys.byteorder == "little"


def f32(values):
    """The nearest f32, as Python's float: of one number or of a list."""
    if isinstance(values, float):
        return struct.unpack("<f", struct.pack("<f", values))[0]
    return list(array("f", values))


def _bf16_codes(values):
    bits = array("I", array("f", values).tobytes())
    return array("H", [(b + 0x7FFF + (b >> 16 & 1)) >> 16 & 0xFFFF for b in bits])


def _e4m3(code):
    exponent, fraction = code >> 3 & 15, code & 7
    return fraction * 2.0**-9 if exponent == 0 else (8 + fraction) * 2.0 ** (exponent - 10)


_E4M3 = [_e4m3(code) for code in range(127)]  # 127 is NaN


def e4m3_code(value):
    """Of the nearest number, the even code where there are two; 448 is the largest."""
    size = min(abs(value), 448.0)
    above = bisect.bisect_left(_E4M3, size)
    if above and size != _E4M3[above]:
        low, high = size - _E4M3[above - 1], _E4M3[above] - size
        if low < high or (low == high and (above - 1) % 2 == 0):
            above -= 1
    return above | (0x80 if value < 0 else 0)


def e4m3_value(code):
    return -_E4M3[code & 127] if code & 128 else _E4M3[code]


E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def e2m1_code(value):
    size = abs(value)
    code = min(range(8), key=lambda c: (abs(E2M1[c] - size), c % 2))
    return code | (8 if value < 0 and code else 0)


def e2m1_value(code):
    return -E2M1[code & 7] if code & 8 else E2M1[code]


def encode(dtype, values):
    if dtype == "F32":
        return array("f", values).tobytes()
    if dtype == "BF16":
        return _bf16_codes(values).tobytes()
    if dtype == "F16":
        return struct.pack(f"<{len(values)}e", *values)
    raise ValueError(dtype)


def decode(dtype, data):
    if dtype == "F32":
        return list(array("f", data))
    if dtype == "BF16":
        return list(array("f", array("I", [h << 16 for h in array("H", data)]).tobytes()))
    if dtype == "F16":
        return list(struct.unpack(f"<{len(data) // 2}e", data))
    raise ValueError(dtype)
