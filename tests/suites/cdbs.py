# SPDX-License-Identifier: BSD-3-Clause
"""The CDBs of the sweep: the valid forms of each command, and each field out of its range.

For a thin disk of 64 MiB with blocks of 512 bytes. The order matters: what a command changes, the
next one puts back.
"""

BLOCKS = (64 << 20) // 512
END = BLOCKS - 1


def be(value, size):
    """A number as in a CDB."""
    return list(value.to_bytes(size, "big"))


class Sweep:
    """Collects lines for sweep.c; a name may be used once."""

    def __init__(self):
        self.lines = {}

    def add(self, name, cdb, direction="-", length=0, data=()):
        """A CDB; @data begins what is sent to the device."""
        name = name.replace(" ", "_")
        assert name not in self.lines, name
        self.lines[name] = " ".join([name, direction, str(length), bytes(cdb).hex(),
                                     bytes(data).hex() or "-"])


def transfer(opcode, lba, count, flags=0, group=0, control=0):
    """A CDB with a range of blocks, of the layout that its opcode has (SPC-4, "Operation code")."""
    if opcode < 0x20:
        return [opcode, *be(lba, 3), count & 0xff, control]
    if opcode < 0x60:
        return [opcode, flags, *be(lba, 4), group, *be(count, 2), control]
    if opcode < 0xa0:
        return [opcode, flags, *be(lba, 8), *be(count, 4), group, control]
    return [opcode, flags, *be(lba, 4), *be(count, 4), group, control]


def ranges(sweep, name, opcode, direction, data_blocks=None):
    """Ranges inside and outside of the disk, and flags. Data is as long as the command says."""
    small = opcode < 0x20

    def add(what, lba, count, **fields):
        blocks = count if data_blocks is None else data_blocks
        if opcode == 0x93 and fields.get("flags") == 1:  # NDOB
            blocks = 0
        sweep.add(f"{name} {what}", transfer(opcode, lba, count, **fields),
                  direction if blocks else "-", blocks * 512)

    add("first block", 0, 1)
    add("eight blocks", 8, 8)
    add("last block", END, 1)
    add("last of two is outside", END, 2)
    add("first block outside", BLOCKS, 1)
    add("far outside", 0x1fffff if small else 0x7fffffff, 1)
    if small:
        return
    if opcode not in (0x41, 0x93):  # nothing for READ and WRITE, the whole disk for WRITE SAME
        add("nothing", 0, 0)
        add("nothing at the end", BLOCKS, 0)
        add("nothing outside", BLOCKS + 1, 0)
    for bit in range(8):
        if opcode not in (0x2f, 0xaf, 0x8f) or bit not in (1, 2):  # BYTCHK needs data
            add(f"flag {1 << bit:02x}", 16, 1, flags=1 << bit)
    add("group", 16, 1, group=1)
    add("control naca", 16, 1, control=4)
    add("control link", 16, 1, control=1)
    if 0x60 <= opcode < 0xa0:
        add("beyond 32 bits", 1 << 40, 1)
        add("last lba", (1 << 64) - 1, 1)


def inquiry(sweep):
    """Pages, allocation lengths, reserved bits."""
    for length in (0, 4, 5, 35, 36, 96, 255, 512):
        sweep.add(f"inquiry {length}", [0x12, 0, 0, *be(length, 2), 0],
                  "<" if length else "-", length)
    for page in (0x00, 0x01, 0x80, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0xb0, 0xb1, 0xb2,
                 0xb3, 0xb6, 0xb7, 0xc0, 0xcf, 0xff):
        sweep.add(f"inquiry page {page:02x}", [0x12, 1, page, 2, 0, 0], "<", 512)
    for length in (3, 4, 8):
        sweep.add(f"inquiry page 00 of {length}", [0x12, 1, 0, *be(length, 2), 0], "<", length)
    sweep.add("inquiry page without evpd", [0x12, 0, 0x80, 0, 255, 0], "<", 255)
    for bit in (1, 2, 4, 7):
        sweep.add(f"inquiry flag {1 << bit:02x}", [0x12, 1 << bit, 0, 0, 96, 0], "<", 96)
    sweep.add("inquiry control naca", [0x12, 0, 0, 0, 96, 4], "<", 96)


def modes(sweep):
    """MODE SENSE of both sizes: pages, subpages, page control, descriptors."""
    for name, opcode in ("mode sense 6", 0x1a), ("mode sense 10", 0x5a):
        def add(what, page, flags=0, subpage=0, length=252, opcode=opcode, name=name):
            cdb = ([opcode, flags, page, subpage, length, 0] if opcode == 0x1a else
                   [opcode, flags, page, subpage, 0, 0, 0, *be(length, 2), 0])
            sweep.add(f"{name} {what}", cdb, "<" if length else "-", length)

        for page in (0x00, 0x01, 0x02, 0x03, 0x07, 0x08, 0x0a, 0x18, 0x19, 0x1a, 0x1c, 0x20, 0x3e,
                     0x3f):
            add(f"page {page:02x}", page)
        for control, what in (1, "changeable"), (2, "default"), (3, "saved"):
            for page in (0x08, 0x0a, 0x3f):
                add(f"page {page:02x} {what}", control << 6 | page)
        for page, subpage in (0x0a, 0x01), (0x0a, 0xff), (0x3f, 0xff), (0x3f, 0x01), (0x08, 0xff):
            add(f"subpage {page:02x}/{subpage:02x}", page, subpage=subpage)
        for length in (0, 3, 4, 8, 12, 20):
            add(f"{length} bytes", 0x08, length=length)
        add("no descriptors", 0x3f, flags=0x08)
        add("long lba", 0x3f, flags=0x10)
        add("reserved flag", 0x3f, flags=0x01)


def informing(sweep):
    """Commands about the disk and the target."""
    sweep.add("test unit ready", [0] * 6)
    sweep.add("test unit ready reserved", [0, 1, 0, 0, 0, 0])
    for length in (0, 4, 18, 252):
        sweep.add(f"request sense {length}", [3, 0, 0, 0, length, 0], "<" if length else "-", length)
    sweep.add("request sense descriptors", [3, 1, 0, 0, 252, 0], "<", 252)
    sweep.add("read capacity 10", [0x25] + [0] * 9, "<", 8)
    sweep.add("read capacity 10 lba", [0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0], "<", 8)
    sweep.add("read capacity 10 pmi", [0x25, 0, 0, 0, 0, 0, 0, 0, 1, 0], "<", 8)
    for length in (0, 8, 12, 32, 64):
        sweep.add(f"read capacity 16 {length}", [0x9e, 0x10, *be(0, 8), *be(length, 4), 0, 0],
                  "<" if length else "-", length)
    sweep.add("read capacity 16 lba", [0x9e, 0x10, *be(1, 8), *be(32, 4), 0, 0], "<", 32)
    sweep.add("read capacity 16 pmi", [0x9e, 0x10, *be(0, 8), *be(32, 4), 1, 0], "<", 32)
    for select in (0, 1, 2, 3, 0x10, 0x11, 0x12, 0xff):
        sweep.add(f"report luns select {select:02x}",
                  [0xa0, 0, select, 0, 0, 0, *be(4096, 4), 0, 0], "<", 4096)
    for length in (0, 4, 8, 15, 16):
        sweep.add(f"report luns {length}", [0xa0, 0, 0, 0, 0, 0, *be(length, 4), 0, 0],
                  "<" if length else "-", length)
    for option in range(8):
        for opcode, action in (0x12, 0), (0x9e, 0x10), (0x9e, 0x1f), (0xee, 0):
            sweep.add(f"report opcodes {option} {opcode:02x} {action:02x}",
                      [0xa3, 0x0c, option, opcode, *be(action, 2), *be(8192, 4), 0, 0], "<", 8192)
    for length in (0, 3, 4, 20):
        sweep.add(f"report opcodes one of {length}",
                  [0xa3, 0x0c, 1, 0x12, 0, 0, *be(length, 4), 0, 0], "<" if length else "-", length)
    sweep.add("report opcodes timeouts", [0xa3, 0x0c, 0x81, 0x12, 0, 0, *be(64, 4), 0, 0], "<", 64)


def blocks(sweep):
    """Commands with a range of blocks."""
    for name, opcode in (("read 6", 0x08), ("read 10", 0x28), ("read 12", 0xa8), ("read 16", 0x88)):
        ranges(sweep, name, opcode, "<")
    for name, opcode in (("write 6", 0x0a), ("write 10", 0x2a), ("write 12", 0xaa),
                         ("write 16", 0x8a)):
        ranges(sweep, name, opcode, ">")
    for name, opcode in ("verify 10", 0x2f), ("verify 12", 0xaf), ("verify 16", 0x8f):
        ranges(sweep, name, opcode, "-", data_blocks=0)
        for compared, check in (1, 2), (1, 4), (1, 6):
            sweep.add(f"{name} bytchk {check:02x}", transfer(opcode, 32, 1, flags=check), ">",
                      512 * compared)
        sweep.add(f"{name} miscompare", transfer(opcode, 32, 1, flags=2), ">", 512, [1])
        sweep.add(f"{name} one for all", transfer(opcode, 32, 4, flags=6), ">", 512)
    for name, opcode in ("sync 10", 0x35), ("sync 16", 0x91), ("prefetch 10", 0x34), \
                        ("prefetch 16", 0x90):
        ranges(sweep, name, opcode, "-", data_blocks=0)
    for name, opcode in ("write same 10", 0x41), ("write same 16", 0x93):
        ranges(sweep, name, opcode, ">", data_blocks=1)
    for name, opcode in ("write verify 10", 0x2e), ("write verify 16", 0x8e), ("orwrite", 0x8b):
        sweep.add(name, transfer(opcode, 0, 1), ">", 512)


def provisioning(sweep):
    """UNMAP, and what depends on it."""
    # Lists with lengths that contradict each other are left to the unit tests: they stop scsi_debug.
    def unmap(what, entries, flags=0):
        data = be(6 + 16 * len(entries), 2) + be(16 * len(entries), 2) + [0] * 4
        for lba, count in entries:
            data += [*be(lba, 8), *be(count, 4), *[0] * 4]
        sweep.add(f"unmap {what}", [0x42, flags, 0, 0, 0, 0, 0, *be(len(data), 2), 0], ">",
                  len(data), data)

    unmap("one", [(0, 8)])
    unmap("three", [(0, 8), (64, 8), (END - 7, 8)])
    unmap("none", [])
    unmap("nothing", [(0, 0)])
    unmap("outside", [(BLOCKS, 1)])
    unmap("over the end", [(END, 2)])
    unmap("anchor", [(0, 8)], flags=1)
    for lba in (0, END, BLOCKS):
        sweep.add(f"get lba status {lba}", [0x9e, 0x12, *be(lba, 8), *be(24, 4), 0, 0], "<", 24)
    sweep.add("read unmapped", transfer(0x28, 0, 8), "<", 4096)


def compare_and_write(sweep):
    """COMPARE AND WRITE of blocks that are zero."""
    def add(what, lba, count, data=(), **fields):
        sweep.add(f"compare and write {what}",
                  [0x89, fields.get("flags", 0), *be(lba, 8), 0, 0, 0, count, 0, 0],
                  ">" if count else "-", 1024 * count, data)

    add("one", 128, 1)
    add("eight", 128, 8)
    add("nothing", 128, 0)
    add("miscompare", 128, 1, [1])
    add("last block", END, 1)
    add("over the end", END, 2)
    add("outside", BLOCKS, 1)
    add("fua", 128, 1, flags=8)
    add("protect", 128, 1, flags=0x20)


def others(sweep):
    """State, logs, reservations, diagnostics."""
    for value in (0, 1, 2, 3):
        sweep.add(f"prevent removal {value}", [0x1e, 0, 0, 0, value, 0])
    sweep.add("allow removal", [0x1e, 0, 0, 0, 0, 0])
    sweep.add("stop", [0x1b, 0, 0, 0, 0, 0])
    sweep.add("test unit ready stopped", [0] * 6)
    sweep.add("read 10 stopped", transfer(0x28, 0, 1), "<", 512)
    sweep.add("inquiry stopped", [0x12, 0, 0, 0, 96, 0], "<", 96)
    sweep.add("request sense stopped", [3, 0, 0, 0, 18, 0], "<", 18)
    sweep.add("mode sense stopped", [0x1a, 0, 0x3f, 0, 252, 0], "<", 252)
    sweep.add("start", [0x1b, 0, 0, 0, 1, 0])
    sweep.add("start immediately", [0x1b, 1, 0, 0, 1, 0])
    sweep.add("start power condition", [0x1b, 0, 0, 0, 0x11, 0])
    sweep.add("test unit ready started", [0] * 6)
    for flags in (0x04, 0x00, 0x10, 0x14):
        sweep.add(f"send diagnostic {flags:02x}", [0x1d, flags, 0, 0, 0, 0])
    for page in (0x00, 0x0d, 0x2f):
        sweep.add(f"log sense {page:02x}", [0x4d, 0, 0x40 | page, 0, 0, 0, 0, 2, 0, 0], "<", 512)
    for action in range(5):
        sweep.add(f"persistent reserve in {action}", [0x5e, action, *[0] * 5, 1, 0, 0], "<", 256)
    sweep.add("report target port groups", [0xa3, 0x0a, 0, 0, 0, 0, *be(512, 4), 0, 0], "<", 512)
    sweep.add("report timestamp", [0xa3, 0x0f, 0, 0, 0, 0, *be(64, 4), 0, 0], "<", 64)
    sweep.add("maintenance in 1f", [0xa3, 0x1f, 0, 0, 0, 0, *be(64, 4), 0, 0], "<", 64)
    sweep.add("service action in 1f", [0x9e, 0x1f, *[0] * 8, *be(64, 4), 0, 0], "<", 64)
    sweep.add("read buffer", [0x3c, 3, 0, 0, 0, 0, 0, 0, 4, 0], "<", 4)
    sweep.add("reserve 6", [0x16] + [0] * 5)
    sweep.add("release 6", [0x17] + [0] * 5)


# Opcodes that destroy data, change the device permanently, or take long.
NOT_SENT = {0x01, 0x04, 0x07, 0x0b, 0x19, 0x1b, 0x48, 0x5f}


def opcodes(sweep):
    """Every opcode, in a CDB that is otherwise zero and asks for no data."""
    lengths = (6, 10, 10, 16, 16, 12, 12, 12)
    for opcode in range(256):
        if opcode in NOT_SENT or opcode in (0x08, 0x0a, 0x25, 0x41, 0x93):  # always with data
            continue
        sweep.add(f"opcode {opcode:02x}", [opcode] + [0] * (lengths[opcode >> 5] - 1))


def lines():
    """The list for sweep.c."""
    sweep = Sweep()
    for part in (inquiry, modes, informing, blocks, provisioning, compare_and_write, others,
                 opcodes):
        part(sweep)
    return list(sweep.lines.values())


if __name__ == "__main__":
    print("\n".join(lines()))
