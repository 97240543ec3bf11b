# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What nobody on a machine gets, whatever their rights: parts of the kernel that no instance needs. Runs in a student's
# kernel and, as root, on the machine itself.
import ctypes
import os
import socket

IO_URING_SETUP = 425  # x86-64's number
SOCK_DCCP, IPPROTO_DCCP, IPPROTO_SCTP = 6, 33, 132
# include/linux/socket.h
FAMILIES = {
    "AX.25": 3,
    "IPX": 4,
    "AppleTalk": 5,
    "NET/ROM": 6,
    "ATM PVC": 8,
    "X.25": 9,
    "Rose": 11,
    "RDS": 21,
    "LLC": 26,
    "CAN": 29,
    "TIPC": 30,
    "IEEE 802.15.4": 36,
    "AF_ALG": 38,
    "NFC": 39,
    "KCM": 41,
    "SMC": 43,
}


def opened(*arguments):
    socket.socket(*arguments).close()
    return "a socket"


for name, number in FAMILIES.items():
    types = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW)

    @attempt(f"open a socket of {name}")
    def family(number=number, types=types):
        error = OSError("no type was tried")
        for kind in types:
            try:
                return opened(number, kind)
            except OSError as refusal:
                error = refusal
        raise error


@attempt("open a socket of SCTP")
def sctp():
    return opened(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)


@attempt("open a socket of DCCP")
def dccp():
    return opened(socket.AF_INET, SOCK_DCCP, IPPROTO_DCCP)


@attempt("set up io_uring")
def io_uring():
    libc = ctypes.CDLL(None, use_errno=True)
    found = libc.syscall(ctypes.c_long(IO_URING_SETUP), 1, ctypes.create_string_buffer(120))
    if found < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    os.close(found)
    return "a ring"


run_attempts()
