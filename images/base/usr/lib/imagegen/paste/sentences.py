"""What a machine says of user-data that it cannot take."""

from __future__ import annotations


def nothing(role: str | None) -> str:
    """An instance that was launched without."""
    return (
        "This instance got no user-data: delete it, and launch it again with what "
        f"{command(role)} prints as its Customization Script."
    )


def no_source(role: str | None) -> str:
    """An instance that could not ask."""
    return (
        "This instance found neither a config drive nor a metadata service, and so no user-data: delete it, and launch "
        f"it again with a config drive, and with what {command(role)} prints as its Customization Script."
    )


def userdata(fault: str, role: str | None) -> str:
    """What the user-data is or has, and what to do."""
    return (
        f"The user-data {fault}: delete this instance, and launch it again with exactly what {command(role)} prints, "
        "best from a file that `--output FILE` has written."
    )


def stock(role: str | None) -> str:
    """A text that carries programs, for an image that has them."""
    return (
        "The user-data was printed with `--stock`, for ordinary cloud images, and this is an image of "
        f"`imagegen build`: delete this instance, and launch it again with what {command(role)} prints "
        "without `--stock`."
    )


def unwritten(role: str | None) -> str:
    """A sound text that cloud-init has made nothing of."""
    return (
        "cloud-init has not written the files of the user-data: delete this instance, and launch it again with what "
        f"{command(role)} prints; /var/log/cloud-init.log says why."
    )


def repaired(damage: tuple[str, ...]) -> str:
    """A text that was put right."""
    return f"The user-data arrived with {listed(damage)}; this was repaired."


CHANGED = "The user-data was changed since imagegen printed it, and is used as it is."


def command(role: str | None) -> str:
    """What prints the text of this image."""
    return f"`imagegen {role}`" if role else "`imagegen hub` or `imagegen node`"


def changed(fault: str) -> str:
    """How `The user-data` goes on where somebody has changed it and that went wrong."""
    return f"was changed since imagegen printed it, and {fault}"


def listed(words: tuple[str, ...]) -> str:
    """Words, as in a sentence."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
