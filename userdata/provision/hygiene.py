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


def below(folder):
    for inner, folders, files in os.walk(folder):
        for name in folders + files:
            yield os.path.join(inner, name)


def condemned(root, rules):
    """Everything that has to go."""
    for path in rules["dropped"]:
        yield from here(root, path)
    for path in rules["emptied"]:
        for folder in here(root, path):
            yield from (os.path.join(folder, name) for name in (os.listdir(folder) if os.path.isdir(folder) else []))
    for start, end in rules["patterns"]:
        for folder in here(root, os.path.dirname(start)):
            beginning = os.path.join(root, start)
            yield from (path for path in below(folder) if path.startswith(beginning) and path.endswith(end))


def clean(root, rules):
    for path in list(condemned(root, rules)):
        if os.path.lexists(path):  # It may have gone with its folder.
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

