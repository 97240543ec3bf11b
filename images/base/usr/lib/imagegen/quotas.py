"""What single users may store on an ext4 file system that counts it."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import NamedTuple

BLOCK = 1024  # bytes of the blocks in which limits are given
QUOTACTL_FD = 443  # the system call's number, on all architectures
ON, GET, SET = 0x80000200, 0x80000700, 0x80000800  # Q_QUOTAON, Q_GETQUOTA and Q_SETQUOTA for users
LIMITS = 1 | 4  # of blocks and of inodes


class Record(ctypes.Structure):
    """`struct if_dqblk` of quotactl(2)."""

    _fields_ = (
        ("blocks_hard", ctypes.c_uint64),
        ("blocks_soft", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("files_hard", ctypes.c_uint64),
        ("files_soft", ctypes.c_uint64),
        ("files", ctypes.c_uint64),
        ("blocks_time", ctypes.c_uint64),
        ("files_time", ctypes.c_uint64),
        ("valid", ctypes.c_uint32),
    )


class Amount(NamedTuple):
    """What is stored, or may be."""

    bytes: int
    files: int


def call(command: int, folder: str, uid: int, record: Record) -> None:
    """quotactl_fd(2), which glibc does not have."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        arguments = [ctypes.c_long(value) for value in (QUOTACTL_FD, descriptor, command, uid)]
        if libc.syscall(*arguments, ctypes.byref(record)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), folder)
    finally:
        os.close(descriptor)


def stored(folder: str, uid: int) -> Amount:
    """What a user has on a file system."""
    record = Record()
    call(GET, folder, uid, record)
    return Amount(record.bytes, record.files)


def limit(folder: str, uid: int, most: Amount) -> None:
    """Sets what a user may have on a file system. What is there already stays, also beyond it."""
    blocks = -(-most.bytes // BLOCK)
    record = Record(blocks_hard=blocks, blocks_soft=blocks, files_hard=most.files, files_soft=most.files, valid=LIMITS)
    call(SET, folder, uid, record)


def enforce(folder: str) -> bool:
    """Has the limits on a mounted file system hold; whether it counts what users store."""
    try:
        call(ON, folder, 0, Record())
    except OSError as error:
        return error.errno == errno.EBUSY  # They hold already.
    return True


def size(folder: str) -> Amount:
    """What a file system holds altogether."""
    system = os.statvfs(folder)
    return Amount(system.f_blocks * system.f_frsize, system.f_files)
