"""Files that are whole at every moment."""
import os


def write_whole(path, text, mode=0o644):
    """Puts a file in place in one step; False where it was so already."""
    try:
        with open(path) as file:
            if file.read() == text:
                return False
    except OSError:
        pass
    unfinished = f"{path}.{id(text)}"  # Threads write at once.
    with open(unfinished, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    os.replace(unfinished, path)
    return True
