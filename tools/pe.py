#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds data sections to a PE32+ image (an EFI application), so that firmware loads them with it.

    tools/pe.py OUT IN NAME=FILE ...

objcopy --add-section would need each address by hand and leaves SizeOfImage to chance. Here each
section gets the next aligned address, its VirtualSize is the exact length of the data, and the
headers grow (moving all raw data) when there is no room for another section header.
Format: Microsoft's "PE Format", COFF header, optional header PE32+, section table.
"""
import struct
import sys

COFF_SIZE = 20
SECTION_SIZE = 40
PE32PLUS = 0x20B
# Offsets in the optional header.
SIZE_OF_INITIALIZED_DATA = 8
SECTION_ALIGNMENT = 32
FILE_ALIGNMENT = 36
SIZE_OF_IMAGE = 56
SIZE_OF_HEADERS = 60
CHECKSUM = 64
# IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ
READ_ONLY_DATA = 0x40000040
MAX_IMAGE = 0xFFFFFFFF


class PeError(Exception):
    pass


def align(n, to):
    return (n + to - 1) // to * to


def read_u32(data, at):
    return struct.unpack_from("<I", data, at)[0]


def grow_headers(out, coff, table, count, need):
    """Makes room for the section table by moving everything behind the headers."""
    opt = coff + COFF_SIZE
    old = read_u32(out, opt + SIZE_OF_HEADERS)
    new = align(need, read_u32(out, opt + FILE_ALIGNMENT))
    if new <= old:
        return
    for i in range(count):
        header = table + i * SECTION_SIZE
        raw = read_u32(out, header + 20)
        if new > read_u32(out, header + 12):
            raise PeError("no room for another section header")
        if raw:
            struct.pack_into("<I", out, header + 20, raw + new - old)
    symbols = read_u32(out, coff + 8)
    if symbols:
        struct.pack_into("<I", out, coff + 8, symbols + new - old)
    out[old:old] = bytes(new - old)
    struct.pack_into("<I", out, opt + SIZE_OF_HEADERS, new)


def add_sections(image, sections):
    """image: bytes of a PE file; sections: list of (name, bytes). Returns the new file."""
    out = bytearray(image)
    try:
        pe = read_u32(out, 0x3C)
        coff, opt = pe + 4, pe + 4 + COFF_SIZE
        if out[:2] != b"MZ" or out[pe:coff] != b"PE\0\0":
            raise PeError("no PE header")
        if struct.unpack_from("<H", out, opt)[0] != PE32PLUS:
            raise PeError("not a PE32+ image")
        (count,) = struct.unpack_from("<H", out, coff + 2)
        (opt_size,) = struct.unpack_from("<H", out, coff + 16)
        table = opt + opt_size
        grow_headers(out, coff, table, count, table + (count + len(sections)) * SECTION_SIZE)
        file_align = read_u32(out, opt + FILE_ALIGNMENT)
        section_align = read_u32(out, opt + SECTION_ALIGNMENT)
        address = read_u32(out, opt + SIZE_OF_IMAGE)
        initialized = read_u32(out, opt + SIZE_OF_INITIALIZED_DATA)
        for i in range(count):
            if out[table + i * SECTION_SIZE :][:8].rstrip(b"\0") in [n.encode() for n, _ in sections]:
                raise PeError("a section of that name exists already")
        parts = [out, bytes(align(len(out), file_align) - len(out))]
        offset = align(len(out), file_align)
        for i, (name, data) in enumerate(sections):
            if not 0 < len(name.encode()) <= 8:
                raise PeError(f"section name '{name}' is not 1 to 8 bytes long")
            address = align(address, section_align)
            raw = align(len(data), file_align)
            if address + raw > MAX_IMAGE:
                raise PeError("the image would exceed 4 GiB")
            struct.pack_into("<8sIIIIIIHHI", out, table + (count + i) * SECTION_SIZE, name.encode(),
                             len(data), address, raw, offset if raw else 0, 0, 0, 0, 0, READ_ONLY_DATA)
            parts += [data, bytes(raw - len(data))]
            address += len(data)
            offset += raw
            initialized += raw
        struct.pack_into("<H", out, coff + 2, count + len(sections))
        struct.pack_into("<I", out, opt + SIZE_OF_INITIALIZED_DATA, initialized & MAX_IMAGE)
        struct.pack_into("<I", out, opt + SIZE_OF_IMAGE, align(address, section_align))
        struct.pack_into("<I", out, opt + CHECKSUM, 0)
    except struct.error as e:
        raise PeError(f"truncated PE header ({e})") from e
    return b"".join(parts)


def main():
    if len(sys.argv) < 4:
        sys.exit("usage: tools/pe.py OUT IN NAME=FILE ...")
    out, source, specs = sys.argv[1], sys.argv[2], sys.argv[3:]
    sections = []
    try:
        for spec in specs:
            name, _, path = spec.partition("=")
            with open(path, "rb") as f:
                sections.append((name, f.read()))
        with open(source, "rb") as f:
            image = add_sections(f.read(), sections)
        with open(out, "wb") as f:
            f.write(image)
    except (PeError, OSError) as e:
        sys.exit(f"tools/pe.py: {source}: {e}")


if __name__ == "__main__":
    main()
