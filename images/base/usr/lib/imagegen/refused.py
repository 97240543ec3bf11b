"""Says on the console, every minute, why this machine does nothing: Horizon's log tab shows nothing else."""

import time

from imagegen.console import announce
from imagegen.start import REFUSED

PAUSE = 60  # seconds


def main() -> None:
    """Goes on until the machine is relaunched."""
    while True:
        with open(REFUSED) as file:
            announce(file.read().strip())
        time.sleep(PAUSE)


if __name__ == "__main__":
    main()
