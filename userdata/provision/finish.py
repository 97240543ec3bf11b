#!/usr/bin/env -S python3 -B
"""The last act of a machine that becomes an image: systemd runs it when every process has ended and before the power
goes (systemd-shutdown(8)), so that nothing can leave traces after it. Usage: imagegen-finish poweroff"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

FOLDER = "/imagegen-provision"
sys.path.insert(0, FOLDER)
os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

import hygiene  # noqa: E402
from channel import Failed, run, settings, tell  # noqa: E402

# Systems of their own in some images; an overlay may have files in them.
BOOT = ["/boot", "/boot/efi"]
# systemd's update services run where these are older than /usr; here all of that is done.
STAMPS = ["/etc/.updated", "/var/.updated"]


def read(path: str) -> str:
    """The text of a file."""
    with open(path, errors="replace") as file:
        return file.read()


def move_in(source: str, target: str) -> None:
    """Lays a tree over another: folders are merged, and anything else replaces what was there."""
    for name in os.listdir(source):
        new, old = os.path.join(source, name), os.path.join(target, name)
        if os.path.isdir(new) and not os.path.islink(new) and os.path.isdir(old):
            move_in(new, old)
            continue
        if os.path.lexists(old):
            hygiene.remove(old)
        shutil.move(new, old)


def mounted(paths: list[str]) -> Iterator[str]:
    """Mounts and gives those of the systems that are in the image's own table."""
    rows = [line.split() for line in read("/etc/fstab").splitlines() if not line.startswith("#")]
    own = {row[1] for row in rows if len(row) > 1}
    for path in paths:
        if path in own:
            run(f"mounting {path}", "mount", path)
            yield path


def remove_ourselves() -> None:
    """Removes the programs that made the image."""
    shutil.rmtree(FOLDER)
    os.unlink(__file__)
    if not os.listdir(os.path.dirname(__file__)):
        os.rmdir(os.path.dirname(__file__))


def finish() -> None:
    """Cleans the system, puts the overlay in, and gives unused blocks back."""
    run("mounting the root file system to write", "mount", "-o", "remount,rw", "/")
    config, nonce = settings(), read(f"{FOLDER}/nonce")
    boot = list(mounted(BOOT))
    hygiene.clean("/", config["rules"], leave=[FOLDER.strip("/")])
    move_in(f"{FOLDER}/overlay", "/")
    for stamp in STAMPS:
        if os.path.exists(stamp):
            os.utime(stamp)
    tables = {"passwd": read("/etc/passwd"), "shadow": hygiene.masked(read("/etc/shadow"))}
    tell(accounts={**tables, "forbidden": hygiene.forbidden("/", config["rules"])})
    remove_ourselves()
    for path in reversed(boot):
        run(f"giving back what is free on {path}", "fstrim", path)
        run(f"unmounting {path}", "umount", path)
    run("giving back what is free", "fstrim", "/")
    run("mounting the root file system to read", "mount", "-o", "remount,ro", "/")
    tell(done=nonce)


def main() -> None:
    """Finishes, and reports every failure: imagegen must hear of it rather than of a machine that went off."""
    try:
        finish()
    except Failed as failure:
        tell(failed={"what": failure.what, "log": failure.log})
    except Exception as error:
        tell(failed={"what": f"{type(error).__name__}: {error}", "log": ""})
    subprocess.run(["sync"], check=False)


if __name__ == "__main__" and sys.argv[1:] == ["poweroff"]:
    main()
