"""Prepares this machine for the workshop, before Docker and autofs start."""

import os

from imagegen import accounts, docker_options, firewall, identity
from imagegen.settings import settings


def main() -> None:
    """Everything, in an order in which each step finds what it needs. What a machine has no use for is not imported:
    ordinary images do not bring it."""
    config = settings()
    os.makedirs("/run/imagegen", exist_ok=True)
    root = docker_options.data_root()
    identity.renew(root)
    if config.get("mtu_auto"):
        docker_options.fit_mtu(docker_options.smallest_mtu())
    firewall.write(config)
    if not config.get("stock"):
        from imagegen import carried_images

        carried_images.move(root)
    elif config["role"] == "node":
        from imagegen import local_homes

        local_homes.keep()
    if "users_sha256" in config:
        from imagegen.hub import exchange

        exchange.wait_for_table(config)
    accounts.main()
    if config["engine"] == "classic":
        from imagegen.classic import listener

        listener.open_docker(config)


if __name__ == "__main__":
    main()
