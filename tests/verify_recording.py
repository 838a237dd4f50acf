#!/usr/bin/env python3
"""Checks Ledgerline recordings without Ledgerline: written from docs/recording-format.md alone.

    verify_recording.py --keys DIR/keys FILE...          every chunk of these files
    verify_recording.py --keys DIR/keys --store DIR      every file, every leaf, every head
    verify_recording.py --store DIR                      the same without any secret key: ledger and content hashes

With `--heads FILE` the ledger is held against heads that were kept outside.

One line an item; exit code 0 when all is whole, 1 when something is wrong, 2 for wrong use.
Both suites of algorithms. Needs the `cryptography` package; SM2 signatures are checked by the few lines below.
"""

import argparse
import hashlib
import hmac
import json
import pathlib
import struct
import sys
import zlib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

MAGIC = b"LLREC\r\n\x1a"
MARKER = b"LLCK"
OPENING, MEDIA, EVENTS, CLOSING, ENTRY, DATA = range(1, 7)
# By leaf kind: folder, ending and content code of a book.
CDR, AUDIT, KEEPING = ("cdr", "llc", 0), ("audit", "lla", 3), ("keeping", "llk", 4)
BOOKS = {3: CDR, 4: AUDIT, 5: KEEPING, 6: KEEPING}
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid(octets):
    number = int.from_bytes(octets, "big")
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def sha256(octets):
    return hashlib.sha256(octets).digest()


def sm3(octets):
    digest = hashes.Hash(hashes.SM3())
    digest.update(octets)
    return digest.finalize()


HASH = {1: sha256, 2: sm3}


def hmac_sm3(key, text):
    """RFC 2104 with SM3; keys here are no longer than a block of 64 octets."""
    pad = lambda octet: bytes(byte ^ octet for byte in key.ljust(64, b"\0"))
    return sm3(pad(0x5C) + sm3(pad(0x36) + text))


def sm4_wrapping_key(kek):
    """HKDF-SM3 (RFC 5869) without salt; the first 16 octets."""
    return hmac_sm3(hmac_sm3(bytes(32), kek), b"ledgerline/1/sm4-wrap\x01")[:16]


def sm4_key_unwrap(kek, wrapped):
    """RFC 3394 2.2.2 with SM4 for AES."""
    block = Cipher(algorithms.SM4(sm4_wrapping_key(kek)), modes.ECB())
    check, parts = wrapped[:8], [wrapped[at : at + 8] for at in range(8, len(wrapped), 8)]
    for turn in range(5, -1, -1):
        for place in range(len(parts) - 1, -1, -1):
            count = turn * len(parts) + place + 1
            mixed = (int.from_bytes(check, "big") ^ count).to_bytes(8, "big")
            opened = block.decryptor().update(mixed + parts[place])
            check, parts[place] = opened[:8], opened[8:]
    if not hmac.compare_digest(check, b"\xa6" * 8):
        raise InvalidUnwrap
    return b"".join(parts)


class SM4GCM:
    """SM4-GCM (RFC 8998) under the first 16 octets of a data key, called as AESGCM is."""

    def __init__(self, key):
        self.key = key[:16]

    def decrypt(self, nonce, sealed, associated):
        sealed, tag = sealed[:-16], sealed[-16:]
        opener = Cipher(algorithms.SM4(self.key), modes.GCM(nonce, tag)).decryptor()
        opener.authenticate_additional_data(associated)
        return opener.update(sealed) + opener.finalize()


class SM2:
    """The curve of GB/T 32918.5 and verification of GB/T 32918.2 section 7."""

    P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
    A = P - 3
    B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
    N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
    G = (0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
         0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0)
    ID = b"1234567812345678"

    @classmethod
    def add(cls, one, other):
        if one is None or other is None:
            return one or other
        (x1, y1), (x2, y2) = one, other
        if x1 == x2 and (y1 + y2) % cls.P == 0:
            return None
        if one == other:
            slope = (3 * x1 * x1 + cls.A) * pow(2 * y1, -1, cls.P)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, cls.P)
        x = (slope * slope - x1 - x2) % cls.P
        return x, (slope * (x1 - x) - y1) % cls.P

    @classmethod
    def times(cls, number, point):
        out = None
        while number:
            out = cls.add(out, point) if number & 1 else out
            point, number = cls.add(point, point), number >> 1
        return out

    @classmethod
    def verify(cls, public, signature, text):
        x, y = (int.from_bytes(public[at : at + 32], "big") for at in (1, 33))
        if public[0] != 4 or (y * y - x * x * x - cls.A * x - cls.B) % cls.P:
            return False
        r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
        if not (0 < r < cls.N and 0 < s < cls.N) or (r + s) % cls.N == 0:
            return False
        numbers = b"".join(number.to_bytes(32, "big") for number in (cls.A, cls.B, *cls.G))
        whose = sm3(struct.pack(">H", 8 * len(cls.ID)) + cls.ID + numbers + public[1:])
        e = int.from_bytes(sm3(whose + text), "big")
        point = cls.add(cls.times(s, cls.G), cls.times((r + s) % cls.N, (x, y)))
        return point is not None and (e + point[0]) % cls.N == r


class Wrong(Exception):
    """The file cannot be read any further."""


class File:
    """A sealed file: `facts` and `problems` after reading."""

    def __init__(self, octets, keys, expected=None):
        self.octets = octets
        self.problems = []
        self.closing = None
        self.opening = None
        self.entries = {}
        self.packets = 0
        self.good = []
        try:
            self.read_header(keys, expected)
            self.read_chunks()
        except Wrong as problem:
            self.problems.append(str(problem))

    def content_hash(self):
        slot = self.header_len - 60
        return HASH[self.suite](self.octets[:slot] + self.octets[slot + 44 :])

    def read_header(self, keys, expected):
        octets = self.octets
        if octets[:8] != MAGIC[: len(octets[:8])]:
            raise Wrong("not ours")
        if len(octets) < 64:
            raise Wrong("header altered")
        version, suite, length = struct.unpack(">HHH", octets[8:14])
        self.suite = suite
        if version != 1 or suite not in HASH:
            raise Wrong(f"version {version}, suite {suite} unknown")
        content, tracks = octets[14], octets[15]
        if content not in (1, 2, 3, 4, 5) or length != 124 + 2 * tracks or len(octets) < length:
            raise Wrong("header altered")
        self.header_len = length
        self.content = content
        self.id = octets[16:32]
        self.call = octets[32:48]
        if expected is not None and expected != self.id:
            self.problems.append(f"file of another recording: r-{ulid(self.id)}")
        if keys is None:
            raise Wrong("")
        (kek_version,) = struct.unpack(">I", octets[length - 60 : length - 56])
        if kek_version not in keys:
            raise Wrong(f"no key of version {kek_version}")
        try:
            unwrap = {1: aes_key_unwrap, 2: sm4_key_unwrap}[suite]
            key = unwrap(keys[kek_version], octets[length - 56 : length - 16])
        except InvalidUnwrap:
            raise Wrong("wrapped key altered")
        self.gcm = {1: AESGCM, 2: SM4GCM}[suite](key)
        self.tag = octets[length - 16 : length]
        self.header_holds = True
        try:
            self.gcm.decrypt(octets[56:64] + bytes(4), self.tag, octets[: length - 60])
        except InvalidTag:
            self.header_holds = False
            self.problems.append("header altered")

    def head_at(self, at):
        """The chunk head at `at`, or None when the octets are none."""
        head = self.octets[at : at + 60]
        if len(head) < 60 or head[:4] != MARKER or head[6:8] != b"\0\0":
            return None
        if zlib.crc32(head[:56]) != struct.unpack(">I", head[56:])[0]:
            return None
        index, length = struct.unpack(">II", head[8:16])
        if head[4] not in range(1, 7) or head[5] > 1 or length > 1 << 20:
            return None
        return {"kind": head[4], "end": head[5], "index": index, "len": length, "id": head[16:32],
                "prefix": head[32:40], "before": head[40:56]}

    def next_head(self, at):
        while True:
            at = self.octets.find(MARKER, at)
            if at < 0 or self.head_at(at):
                return at if at >= 0 else len(self.octets)
            at += 1

    def read_chunks(self):
        """Cuts the file into pieces: (what, place, index, before, tag)."""
        pieces, at = [], self.header_len
        while at < len(self.octets):
            head = self.head_at(at)
            if head is None:
                until = self.next_head(at + 1)
                rest = self.octets[at:until]
                torn = until == len(self.octets) and len(rest) < 60 and rest[:4] == MARKER[: len(rest)]
                pieces.append(("torn" if torn else "garbage", at, None, None, None))
                at = until
                continue
            until = at + 60 + head["len"] + 16
            if until > len(self.octets):
                behind = self.next_head(at + 1)
                pieces.append(("torn" if behind == len(self.octets) else "garbage", at, None, None, None))
                at = behind
                continue
            sealed = self.octets[at + 60 : until]
            nonce = head["prefix"] + struct.pack(">I", head["index"] + 1)
            try:
                content = self.gcm.decrypt(nonce, sealed, self.octets[at : at + 56])
                pieces.append(("good", at, head["index"], head["before"], sealed[-16:]))
                self.take(head, content, at, until)
            except InvalidTag:
                inside = self.next_head(at + 60)
                foreign = head["id"] != self.id and inside >= until
                pieces.append(("foreign" if foreign else "altered", at, head["index"], head["end"], head["id"]))
                until = min(inside, until)
            at = until
        self.judge(pieces)

    def take(self, head, content, at, until):
        self.good.append(head["index"])
        if head["kind"] == OPENING:
            self.opening = json.loads(content)
        elif head["kind"] == CLOSING:
            self.closing = json.loads(content)
        elif head["kind"] == ENTRY:
            self.entries[at] = (HASH[self.suite](self.octets[at:until]), until - at)
        elif head["kind"] == MEDIA:
            place = 0
            while place < len(content):
                (length,) = struct.unpack(">H", content[place + 14 : place + 16])
                place += 16 + length
                self.packets += 1

    def judge(self, pieces):
        """Compares the order in which chunks lie with the order that they claim."""
        ours = [piece for piece in pieces if piece[0] in ("good", "altered")]
        present = sorted({piece[2] for piece in ours})
        missing = set(range(present[-1] + 1 if present else 0)) - set(present)
        rank, seen, last = 0, set(), self.tag if self.header_holds else None
        for what, at, index, before, tag in pieces:
            if what in ("garbage", "foreign", "torn"):
                # A stray in the place of exactly the chunk that is missing is what became of that chunk.
                lost = present[rank - 1] + 1 if rank else 0
                replaces = lost in missing or rank == len(present)
                missing.discard(lost)
                last = None
                if what == "foreign":
                    self.problems.append(f"chunk of another recording r-{ulid(tag)} at {at}, chunk {lost}")
                elif what == "torn":
                    self.problems.append(f"cut inside chunk {lost} at {at}")
                elif rank == len(present) and self.closing is not None:
                    self.problems.append(f"trailing octets at {at}")
                elif replaces:
                    self.problems.append(f"chunk {lost} altered at {at}")
                else:
                    self.problems.append(f"octets that are no chunk at {at}")
                continue
            if index in seen:
                self.problems.append(f"chunk {index} once more at {at}")
                last = None
                continue
            seen.add(index)
            if index != present[rank]:
                self.problems.append(f"chunk {index} in the place of {present[rank]} at {at}")
            rank += 1
            if what == "altered":
                self.problems.append(f"chunk {index} altered at {at}")
                last = None
                continue
            if last is not None and before != last and index - 1 not in missing and index == present[rank - 1]:
                follows = rank == 1 or present[rank - 2] == index - 1
                if follows and not self.problems:
                    self.problems.append(f"chunk {index} does not follow at {at}")
            last = tag
        for index in sorted(missing):
            self.problems.append(f"chunk {index} missing")
        tail = pieces[-1][0] if pieces else "good"
        altered_end = any(what == "altered" and end for what, _, _, end, _ in pieces)
        if self.closing is None and tail == "good" and not altered_end:
            self.problems.append(f"no closing record after chunk {len(self.good)}: ended by crash, or cut")


def tree_peaks(digest, peaks, size, leaf):
    """Appends a leaf to the right edge of the tree (RFC 9162 2.1.1, built from the left)."""
    node = digest(b"\0" + leaf)
    while size & 1:
        node = digest(b"\1" + peaks.pop() + node)
        size >>= 1
    peaks.append(node)


def root_of(digest, peaks):
    if not peaks:
        return digest(b"")
    node = peaks[-1]
    for left in reversed(peaks[:-1]):
        node = digest(b"\1" + left + node)
    return node


class Ledger:
    """Leaves and heads; `problems` after reading."""

    def __init__(self, store, outside=()):
        self.problems = []
        self.recordings, self.entries, self.tombstones, self.derived = {}, {}, {}, {}
        folder = store / "ledger"
        public = bytes.fromhex((folder / "ledger.pub").read_text().strip())
        self.suite = 1 if len(public) == 32 else 2
        self.digest = HASH[self.suite]
        leaves = (folder / "leaves").read_bytes() if (folder / "leaves").exists() else b""
        heads = (folder / "heads").read_bytes() if (folder / "heads").exists() else b""
        roots = self.read_leaves(leaves)
        running = (folder / "head").read_bytes() if (folder / "head").exists() else None
        self.read_heads(heads, running, public, roots)
        self.compare(outside, public, roots)

    def read_leaves(self, octets):
        if len(octets) % 96:
            self.problems.append("half a leaf at the end")
        peaks, roots = [], [root_of(self.digest, [])]
        for number in range(len(octets) // 96):
            leaf = octets[number * 96 : number * 96 + 96]
            tree_peaks(self.digest, peaks, number, leaf)
            roots.append(root_of(self.digest, peaks))
            kind = leaf[1]
            claimed, _, length = struct.unpack(">QqQ", leaf[8:24] + leaf[56:64])
            if leaf[0] != (2 if kind > 3 else 1) or kind not in range(1, 8) or leaf[2:4] != bytes([0, self.suite]) or claimed != number:
                self.problems.append(f"leaf {number} altered, missing or out of its place")
                continue
            if kind == 7:
                self.derived[leaf[24:40]] = (leaf[64:], length, leaf[40:56], kind, number)
            elif kind > 2:
                (segment,) = struct.unpack(">I", leaf[4:8])
                (offset,) = struct.unpack(">Q", leaf[40:48])
                place = (BOOKS[kind], segment)
                self.entries.setdefault(place, {})[offset] = (leaf[64:], length, number)
                if kind == 6:
                    self.tombstones[leaf[24:40]] = number
            else:
                self.recordings[leaf[24:40]] = (leaf[64:], length, leaf[40:56], kind, number)
        return roots

    def read_heads(self, octets, running, public, roots):
        covered, agreed, kept = 0, True, len(octets) // 136
        heads = [(number, octets[number * 136 : number * 136 + 136]) for number in range(kept)]
        if running is not None:
            heads.append((kept, running))
        for number, head in heads:
            found = signed_head(head, public)
            # The running head is the last that is kept, or the next.
            if found is None or found[0] not in ((number,) if number < kept else (number - 1, number)):
                self.problems.append(f"head {number} does not verify")
                continue
            _, size, root = found
            if size >= len(roots):
                self.problems.append(f"ledger cut: head {number} covers {size} leaves, {len(roots) - 1} are present")
                break
            if roots[size] != root and agreed:
                self.problems.append(f"leaves {covered} to {size - 1} are not those of head {number}")
                agreed = False
            covered = max(covered, size)
        else:
            if covered < len(roots) - 1:
                self.problems.append(f"leaves from {covered} on are under no head")


    def compare(self, outside, public, roots):
        """Holds the tree against heads that others kept."""
        for line, text in enumerate(outside, 1):
            found = signed_head(bytes.fromhex(json.loads(text[text.index("{") :])["head"]), public)
            if found is None:
                self.problems.append(f"line {line} of the outside heads is no head of this key")
            elif found[1] >= len(roots):
                self.problems.append(f"ledger cut: outside head of line {line} covers {found[1]} leaves")
            elif roots[found[1]] != found[2]:
                self.problems.append(f"not the ledger of the outside head of line {line}")


def signed_head(head, public):
    """Number, size and root of a head; None when it is not signed by this key."""
    suite = 1 if len(public) == 32 else 2
    known = len(head) == 136 and head[:12] == b"LLHEAD1\n\0\1\0" + bytes([suite])
    if not known or head[12:16] != HASH[suite](public)[:4]:
        return None
    if suite == 2:
        if not SM2.verify(public, head[72:], head[:72]):
            return None
    else:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(head[72:], head[:72])
        except InvalidSignature:
            return None
    return *struct.unpack(">QQ", head[16:32]), head[40:72]


def read_keys(folder):
    keys = {}
    for path in pathlib.Path(folder).glob("kek-*.key"):
        keys[int(path.stem[4:])] = path.read_bytes()
    return keys


def expected_id(path):
    """The identifier in a file's name: `r-….llr`, or of a derived item the second in `r-….d-….lld`."""
    name, number = path.stem, 0
    if path.suffix == ".lld":
        name = name[-28:]
    if name[:2] not in ("r-", "d-") or len(name) != 28:
        return None
    for character in name[2:]:
        number = number << 5 | CROCKFORD.index(character)
    return number.to_bytes(16, "big")


def check_store(store, keys, outside=()):
    """(item, problems, note) of everything in a store."""
    ledger = Ledger(store, outside)
    yield "ledger", ledger.problems, f"{len(ledger.recordings)} recordings"
    yield from check_derived(store, keys, ledger)
    for path in sorted(store.glob("recordings/*/*/*/*")):
        if path.suffix == ".lld":
            continue
        identifier = expected_id(path)
        leaf = ledger.recordings.pop(identifier, None)
        file = File(path.read_bytes(), keys, identifier)
        problems = [problem for problem in file.problems if problem]
        if identifier in ledger.tombstones:
            problems.append("destroyed, and yet here")
        elif leaf is None:
            problems.append("not in the ledger")
        elif not hasattr(file, "header_len") or file.suite != ledger.suite or (file.content_hash(), len(file.octets)) != leaf[:2]:
            problems.append(f"not the file of leaf {leaf[4]}")
        elif file.call != leaf[2]:
            problems.append(f"call is not that of leaf {leaf[4]}")
        elif keys and not problems and file.closing["ended"] != ("in_order", "by_crash")[leaf[3] - 1]:
            problems.append(f"its end is not that of leaf {leaf[4]}")
        ended = file.closing["ended"] if file.closing else "not opened"
        yield path.stem, problems, ended
    for identifier, leaf in ledger.recordings.items():
        tombstone = ledger.tombstones.get(identifier)
        problems = [f"gone: leaf {leaf[4]}"] if tombstone is None else []
        yield f"r-{ulid(identifier)}", problems, f"destroyed: leaf {tombstone}"
    for book in (CDR, AUDIT, KEEPING):
        folder, ending, code = book
        for path in sorted(store.glob(f"{folder}/*.{ending}")):
            number = int(path.stem, 16)
            leaves = ledger.entries.pop((book, number), {})
            file = File(path.read_bytes(), keys, (code << 32 | number).to_bytes(16, "big"))
            problems = [problem for problem in file.problems if problem]
            for offset, (digest, length, leaf) in sorted(leaves.items()):
                if ledger.digest(file.octets[offset : offset + length]) != digest:
                    problems.append(f"entry at {offset} is not that of leaf {leaf}")
            problems += [f"entry at {offset} is not in the ledger" for offset in file.entries if offset not in leaves]
            yield f"{folder} {number}", problems, f"{len(leaves)} entries"
    for (folder, _, _), number in ledger.entries:
        yield f"{folder} {number}", ["gone"], ""


def check_derived(store, keys, ledger):
    """(item, problems, note) of what was derived from recordings."""
    for path in sorted(store.glob("recordings/*/*/*/*.lld")):
        identifier = expected_id(path)
        leaf = ledger.derived.pop(identifier, None)
        file = File(path.read_bytes(), keys, identifier)
        problems = [problem for problem in file.problems if problem]
        if leaf is None:
            problems.append("not in the ledger")
        elif leaf[2] in ledger.tombstones:
            problems.append("destroyed, and yet here")
        elif not hasattr(file, "header_len") or file.suite != ledger.suite or (file.content_hash(), len(file.octets)) != leaf[:2]:
            problems.append(f"not the file of leaf {leaf[4]}")
        elif file.content != 5 or file.call != leaf[2]:
            problems.append(f"made from another recording than leaf {leaf[4]} says")
        elif keys and not problems and file.opening["of"] != f"r-{ulid(leaf[2])}":
            problems.append("its opening names another recording")
        yield path.stem, problems, file.opening["kind"] if file.opening else "not opened"
    for identifier, leaf in ledger.derived.items():
        problems = [] if leaf[2] in ledger.tombstones else [f"gone: leaf {leaf[4]}"]
        yield f"d-{ulid(identifier)}", problems, "destroyed with its recording"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", help="folder of the key-encryption keys")
    parser.add_argument("--store", type=pathlib.Path, help="folder of a store")
    parser.add_argument("--heads", type=pathlib.Path, help="file of heads that were kept outside")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if not options.store and not (options.files and options.keys):
        parser.error("give --store, or --keys and files")
    keys = read_keys(options.keys) if options.keys else None
    outside = options.heads.read_text().splitlines() if options.heads else ()
    items = list(check_store(options.store, keys, outside)) if options.store else []
    for path in options.files:
        file = File(path.read_bytes(), keys, expected_id(path))
        ended = file.closing["ended"] if file.closing else ""
        items.append((path.stem, file.problems, f"{ended}, {file.packets} packets"))
    for name, problems, note in items:
        print(f"{name}: {'; '.join(problems) if problems else f'whole ({note})'}")
    return 1 if any(problems for _, problems, _ in items) else 0


if __name__ == "__main__":
    sys.exit(main())
