#!/usr/bin/env python3
"""Decodes the test vectors by the rules of PROTOCOL.md, without code of omg."""

import json
import struct
import sys

import msgpack

MAX_FRAME, MAX_DEPTH, MAX_VALUES = 64 << 20, 16, 65536


class Refused(Exception):
    pass


def body(frame):
    """Returns the MessagePack in a frame."""
    if len(frame) < 4:
        raise Refused("length")
    (length,) = struct.unpack(">I", frame[:4])
    if not 1 <= length <= MAX_FRAME or length != len(frame) - 4:
        raise Refused("length")
    return frame[4:]


def check(data):
    """Raises Refused for a body that, according to PROTOCOL.md, must be refused before it is decoded."""
    at = 0
    waiting = [1]  # for each open list or map, the number of values that are still to come
    values = 0

    def number(size):
        if at + 1 + size > len(data):
            raise Refused("end")
        return int.from_bytes(data[at + 1 : at + 1 + size], "big")

    while waiting:
        if waiting[-1] == 0:
            waiting.pop()
            continue
        waiting[-1] -= 1
        values += 1
        if values > max(MAX_VALUES, len(data) // 2):
            raise Refused("values")
        if at >= len(data):
            raise Refused("end")
        c = data[at]
        size, inside = 1, 0
        if c <= 0x7F or c >= 0xE0 or c in (0xC0, 0xC2, 0xC3):
            pass
        elif c <= 0x8F:
            inside = 2 * (c & 0x0F)
        elif c <= 0x9F:
            inside = c & 0x0F
        elif c <= 0xBF:
            size += c & 0x1F
        elif c in (0xC4, 0xC5, 0xC6, 0xD9, 0xDA, 0xDB):
            width = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}[c]
            size += width + number(width)
        elif c in (0xCA, 0xCB):
            size += 4 if c == 0xCA else 8
        elif 0xCC <= c <= 0xD3:
            size += 1 << ((c - 0xCC) % 4)
        elif c in (0xDC, 0xDD, 0xDE, 0xDF):
            width = 2 if c in (0xDC, 0xDE) else 4
            size += width
            inside = number(width) * (1 if c < 0xDE else 2)
        else:
            raise Refused("type")
        at += size
        if at > len(data) or inside > len(data) - at:
            raise Refused("end")
        if inside:
            waiting.append(inside)
            if len(waiting) > MAX_DEPTH + 1:
                raise Refused("depth")
    if at != len(data):
        raise Refused("more")


def main():
    with open(sys.argv[1]) as f:
        vectors = json.load(f)
    for v in vectors:
        frame = bytes.fromhex(v["frame"])
        try:
            data = body(frame)
            check(data)
        except Refused as why:
            assert str(why) == v.get("why"), (v["name"], why)
            continue
        assert "why" not in v, v["name"] + " was not refused"
        value = msgpack.unpackb(data)
        shown = json.loads(json.dumps(value, default=list))
        assert shown == v["value"], (v["name"], shown)
    print(len(vectors), "vectors")


main()
