# SPDX-License-Identifier: MIT
"""Writes a boot entry into the variable store of an OVMF image (OVMF_VARS) that has no variables yet.

Format: firmware volume header (PI specification, volume 3, 3.2.1), then EDK II's store of
authenticated variables; load option and device path: UEFI 3.1.3 and 10.3.4.22.
"""
import struct
import uuid

VOLUME_HEADER_LENGTH = 0x30  # offset of the u16
STORE_GUID = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
STORE_HEADER = struct.Struct("<16sIBBHI")  # signature, size, format, state
STORE_GOOD = (0x5A, 0xFE)
# start, state, attributes, monotonic count, time stamp, public key, sizes of name and data, vendor
VARIABLE_HEADER = struct.Struct("<HBBIQ16sIII16s")
VARIABLE_START = 0x55AA
VARIABLE_ADDED = 0x3F
BOOT_VARIABLE = 7  # NON_VOLATILE | BOOTSERVICE_ACCESS | RUNTIME_ACCESS
GLOBAL_GUID = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c").bytes_le
LOAD_OPTION_ACTIVE = 1
URI_NODE = (3, 24)
URI_MAX = 4096
END_NODE = struct.pack("<BBH", 0x7F, 0xFF, 4)
ERASED = b"\xff"


class VarsError(Exception):
    pass


def wide(text):
    return text.encode("utf-16-le") + b"\0\0"


def variable(name, data):
    name = wide(name)
    entry = VARIABLE_HEADER.pack(VARIABLE_START, VARIABLE_ADDED, 0, BOOT_VARIABLE, 0, bytes(16), 0, len(name), len(data),
                                 GLOBAL_GUID) + name + data
    return entry + ERASED * (-len(entry) % 4)


def load_option(title, uri):
    """Only a URI for a path: the firmware looks for a network device that gets there (UEFI 3.1.2)."""
    uri = uri.encode("ascii")
    path = struct.pack("<BBH", *URI_NODE, 4 + len(uri)) + uri + END_NODE
    return struct.pack("<IH", LOAD_OPTION_ACTIVE, len(path)) + wide(title) + path


def boot_uri(image, uri):
    """The content of an OVMF_VARS image, made to start by HTTP from this URI next time."""
    if len(uri) > URI_MAX:
        raise VarsError("the URL is too long")
    store = struct.unpack_from("<H", image, VOLUME_HEADER_LENGTH)[0]
    guid, size, *state = STORE_HEADER.unpack_from(image, store)[:4]
    begin, end = store + STORE_HEADER.size, store + size
    new = variable("Boot0000", load_option("HTTP boot", uri)) + variable("BootNext", struct.pack("<H", 0))
    if guid != STORE_GUID or tuple(state) != STORE_GOOD:
        raise VarsError("no store of authenticated variables")
    if len(new) > end - begin or image[begin:begin + len(new)].strip(ERASED):
        raise VarsError("the store has variables already, or no room")
    return image[:begin] + new + image[begin + len(new):]
