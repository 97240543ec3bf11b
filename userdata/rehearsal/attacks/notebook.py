# ruff: noqa: F821 (attempts.py and nfs4.py come before it)
# What a curious student tries in a terminal: to leave the container, and to reach parts of the kernel that no notebook
# needs. Runs in a student's kernel, and in a container without bounds as the control.
import ctypes
import os
import socket
import struct
import warnings

# A kernel has threads, and Python warns of forking beside them; the child makes a call and ends.
warnings.simplefilter("ignore", DeprecationWarning)

LIBC = ctypes.CDLL(None, use_errno=True)
# x86-64's numbers (arch/x86/entry/syscalls/syscall_64.tbl).
ADD_KEY, PERF_EVENT_OPEN, BPF, USERFAULTFD, FSOPEN = 248, 298, 321, 323, 430
CLONE_NEWUSER, CLONE_NEWNS = 0x10000000, 0x00020000
PR_GET_NO_NEW_PRIVS = 39
PROCESS_KEYRING = -2


def checked(result):
    """The result of a call to the kernel, or its error."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def call(number, *arguments):
    return checked(LIBC.syscall(ctypes.c_long(number), *arguments))


def descriptor(number, *arguments):
    found = call(number, *arguments)
    os.close(found)
    return f"a descriptor of system call {number}"


def in_child(function):
    """What changes the process happens in another one, whose last words are the result."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = "+" + str(function())
        except BaseException as error:
            said = f"-{error}"
        os.write(theirs, said.encode())
        os._exit(0)
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    os.waitpid(child, 0)
    if not said.startswith("+"):
        raise Refused(said[1:])
    return said[1:]


@attempt("mount a file system")
def mount():
    def try_it():
        checked(LIBC.unshare(CLONE_NEWNS))
        checked(LIBC.mount(b"none", b"/tmp", b"tmpfs", 0, None))
        return "a tmpfs on /tmp"

    return in_child(try_it)


@attempt("become root of a user namespace of its own")
def user_namespace():
    def try_it():
        checked(LIBC.unshare(CLONE_NEWUSER))
        return "a user namespace"

    return in_child(try_it)


@attempt("open a file system context")
def file_system_context():
    return descriptor(FSOPEN, b"tmpfs", 0)


@attempt("make a BPF map")
def bpf():
    attributes = ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1), 128)
    return descriptor(BPF, 0, attributes, 128)


@attempt("watch the machine by performance events")
def performance_events():
    # Software clock, of the whole machine: pid -1, processor 0.
    attributes = ctypes.create_string_buffer(struct.pack("IIQ", 1, 128, 0), 128)
    return descriptor(PERF_EVENT_OPEN, attributes, -1, 0, -1, 0)


@attempt("put a key into the kernel's keyrings")
def keyring():
    return f"key {call(ADD_KEY, b'user', b'imagegen-attempt', b'x', 1, PROCESS_KEYRING)}"


@attempt("handle page faults")
def page_faults():
    return descriptor(USERFAULTFD, 0)


@attempt("send raw packets")
def raw_packets():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    return "a raw socket"


@attempt("listen to all packets")
def all_packets():
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    return "a packet socket"


@attempt("gain privileges by a setuid program")
def setuid():
    if LIBC.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1:
        raise Refused("no_new_privs is set")
    return "no_new_privs is not set"


@attempt("hold a capability")
def capabilities():
    with open("/proc/self/status") as status:
        masks = dict(line.split(":\t") for line in status if line.startswith("Cap"))
    held = {name: mask.strip() for name, mask in masks.items() if int(mask, 16)}
    if not held:
        raise Refused("every set is empty")
    return held


@attempt("read the container's /etc/shadow")
def shadow():
    with open("/etc/shadow") as file:
        return f"{len(file.readlines())} lines"


@attempt("change the image's programs")
def programs():
    path = "/usr/bin/imagegen-attempt"
    with open(path, "w"):
        os.remove(path)
    return path


@attempt("set a setting of the kernel")
def kernel_setting():
    with open("/proc/sys/kernel/domainname", "r+") as file:
        name = file.read()
        file.seek(0)
        file.write(name)
    return name.strip()


run_attempts()
