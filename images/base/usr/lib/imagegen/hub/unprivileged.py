"""Work of root that another account does: whatever comes from outside is read with no rights."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Callable
from typing import NoReturn


def run(account: str, home: str, work: Callable[[], None]) -> None:
    """Has an account do something in a process of its own. An OSError has the words of its exception. Who is not root
    does it without."""
    if os.geteuid() != 0:
        work()
        return
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _work(account, home, work, writing)
    os.close(writing)
    with open(reading, encoding="utf-8", errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise OSError(said or "it ended without a word")


def _work(account: str, home: str, work: Callable[[], None], writing: int) -> NoReturn:
    code = 1
    try:
        entry = pwd.getpwnam(account)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        os.environ["HOME"] = home
        work()
        code = 0
    except BaseException as error:  # This process ends here, whatever happened.
        os.write(writing, str(error).encode(errors="replace")[:4000])
    finally:
        os._exit(code)


def take_over(folder: str) -> None:
    """Makes root the owner of what the account has left, and takes away what no file of a course needs: devices, pipes,
    sockets, and the rights of other users."""
    _own(folder)
    for inner, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(inner, name)
            kind = os.lstat(path).st_mode
            if stat.S_ISREG(kind) or stat.S_ISDIR(kind) or stat.S_ISLNK(kind):
                _own(path)
            else:
                os.remove(path)


def _own(path: str) -> None:
    """Changing the owner takes some rights away by itself, and not all."""
    if os.geteuid() == 0:
        os.lchown(path, 0, 0)
    mode = os.lstat(path).st_mode
    if not stat.S_ISLNK(mode):
        os.chmod(path, stat.S_IMODE(mode) & 0o777)
