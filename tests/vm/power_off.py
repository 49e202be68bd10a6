#!/usr/bin/env python3
"""What a power-off leaves on a disk, from qemu's log of its writes (blklogwrites).

usage: power_off.py LOG                              how many writes and flushes are in it
       power_off.py LOG IMAGE FIRST LAST written     plays FIRST to LAST onto IMAGE
       power_off.py LOG IMAGE FIRST LAST flushed     the same up to the last flush: what no cache can lose

Prints where to go on.
"""
import struct
import sys

SECTOR, FLUSH, DISCARD = 512, 1, 4


def entries(log):
    """The log's (disk sector, sectors, flags, place of the data), in the order of their completion."""
    place = SECTOR
    while True:
        log.seek(place)
        entry = log.read(32)
        if len(entry) < 32 or entry == bytes(32):
            return
        sector, sectors, flags, _ = struct.unpack("<QQQQ", entry)
        yield sector, sectors, flags, place + SECTOR
        place += SECTOR + (0 if flags & DISCARD else sectors * SECTOR)


with open(sys.argv[1], "rb") as log:
    all_entries = list(entries(log))
    if len(sys.argv) == 2:
        print(len(all_entries))
        sys.exit()
    image, first, last, kind = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    played = all_entries[first:last]
    if kind == "flushed":
        while played and not played[-1][2] & FLUSH:
            played.pop()
    print(first + len(played))
    with open(image, "r+b") as disk:
        for sector, sectors, flags, place in played:
            if not flags & DISCARD:
                log.seek(place)
                disk.seek(sector * SECTOR)
                disk.write(log.read(sectors * SECTOR))
