"""What must not stay in an image goes, by the rules of imagegen's plan."""
import os
import shutil


def remove(path):
    """A file, a link, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)


def here(root, path):
    """The path below the root, if something is there and no other file system is mounted on it."""
    whole = os.path.join(root, path)
    if os.path.lexists(whole) and os.lstat(whole).st_dev == os.lstat(root).st_dev:
        return [whole]
    return []


def home_part(path):
    """The path from the home on, of what is in one."""
    if not path.startswith(("root/", "home/")):
        return None
    parts = path.split("/")
    return "/".join(parts[{"root": 1, "home": 2}[parts[0]]:])


class Dropped:
    """Which paths go, looked up from the top: what goes takes with it all that is in it. A system may have hundreds of
    thousands of paths, and its last act has 90 s (DEFAULT_TIMEOUT of systemd-shutdown), also where it is emulated: most
    paths cost a look into some sets."""

    def __init__(self, places):
        by_kind = {"at": set(), "in": set(), "like": set(), "home": set(), "named": set()}
        for place in places:
            for kind, value in place.items():
                by_kind[kind].add(tuple(value) if kind == "like" else value)
        self.at, self.inside, self.like, self.home, self.named = by_kind.values()

    def of(self, below, names):
        """Those of the names in a folder that go; `below` is its path with a slash, or nothing for the root."""
        if below[:-1] in self.inside:
            return set(names)
        like = [(len(folder) + 1, start, end) for folder, start, end in self.like if below.startswith(folder + "/")]
        return {name for name in names if self.holds(below + name, name, like)}

    def holds(self, path, name, like):
        return (path in self.at or name in self.named or home_part(path) in self.home
                or any(path.startswith(start, begin) and path.endswith(end, begin) for begin, start, end in like))


def condemned(root, rules, leave=()):
    """Everything that has to go from the root's own file system, except from the folders `leave`."""
    dropped, device = Dropped(rules["dropped"]), os.lstat(root).st_dev
    for folder, folders, files in os.walk(root):
        below = "" if folder == root else os.path.relpath(folder, root) + "/"
        folders[:] = [name for name in folders
                      if below + name not in leave and os.lstat(os.path.join(folder, name)).st_dev == device]
        gone = dropped.of(below, folders + files)
        yield from (os.path.join(folder, name) for name in sorted(gone))
        folders[:] = [name for name in folders if name not in gone]


def clean(root, rules, leave=()):
    for path in condemned(root, rules, leave):
        remove(path)
    for path in rules["empty"]:
        for file in here(root, path):
            open(file, "w").close()


def forbidden(root, rules):
    return [path for path in rules["forbidden"] if here(root, path)]


def login_users(passwd, rules):
    """Names of those who could log in, by the text of /etc/passwd."""
    rows = [line.split(":") for line in passwd.splitlines()]
    return [row[0] for row in rows
            if len(row) > 2 and row[0] not in rules["not_login"] and row[2].isdigit() and int(row[2]) >= rules["first_login_uid"]]


def with_password(shadow, rules):
    """Names of those who have a password, or need none, by the text of /etc/shadow."""
    rows = [line.split(":") for line in shadow.splitlines()]
    return [row[0] for row in rows if len(row) > 1 and not row[1].startswith(tuple(rules["locked"]))]


def masked(shadow):
    """/etc/shadow without the hashes: how each begins says whether it is one."""
    rows = [line.split(":") for line in shadow.splitlines()]
    return "".join(f"{row[0]}:{row[1][:1]}:\n" for row in rows if len(row) > 1)

