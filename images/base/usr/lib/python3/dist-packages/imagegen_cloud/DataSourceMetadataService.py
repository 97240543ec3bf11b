# ruff: noqa: N999  (cloud-init wants such a name)
"""OpenStack's metadata service, whatever the firmware says about the machine.

cloud-init's own data source for it is left out where the product name or the asset tag is not one of a few, it asks on
one network card only, gives up after a while, and takes user-data that could not be read for user-data that is not
there. A golden image has no use without its user-data, so this one asks on every card until the service answers.
"""

import time
from contextlib import suppress
from typing import Any

from cloudinit import net, sources, url_helper
from cloudinit.net.dhcp import NoDHCPLeaseError
from cloudinit.net.ephemeral import EphemeralDHCPv4
from cloudinit.sources import DataSourceOpenStack
from cloudinit.sources.helpers import openstack

CONSOLE = "/dev/console"
# Seconds. A service that answers soon is not worth a word; a slow one is told of about twice a minute.
INTERVAL = 30
PAUSE = 2
# Files without which a machine would come up wrong. Others, like those of a vendor, may be broken for ever.
NEEDED = ("/user_data", "/network_data.json")

# What HTTP says where asking again may help; any other error means that there is no such file.
PASSING = (408, 429)


class Announcer:
    """Says on the console, which is all that an organiser sees, what the machine is waiting for."""

    def __init__(self) -> None:
        self.begun = self.told = time.monotonic()

    def waiting(self, reason: str) -> None:
        """To be called after each failed attempt."""
        now = time.monotonic()
        if now - self.told < INTERVAL:
            return
        self.told = now
        with suppress(OSError), open(CONSOLE, "w") as console:
            console.write(f"imagegen: {sentence(now - self.begun, reason)}\r\n")


def sentence(seconds: float, reason: str) -> str:
    """What is said after some seconds of waiting."""
    known = " ".join(reason.split())[:200]
    return (
        f"Waiting for the metadata service at 169.254.169.254 (no config drive found): {known}; {seconds:.0f} s so far."
    )


class Reader(openstack.MetadataReader):  # type: ignore[misc]
    """A reader that knows a file that is not there from one that could not be read."""

    def _path_read(self, path: str, decode: bool = False) -> Any:
        try:
            return super()._path_read(path, decode)
        except url_helper.UrlError as error:
            if path.endswith(NEEDED) and may_pass(error.code):
                # Not an OSError, which would pass for a file that is not there.
                raise sources.InvalidMetaDataException(str(error)) from error
            raise

    def _read_ec2_metadata(self) -> Any:
        """Of what only Amazon's form of the service has, nothing is needed; and by IPv6 it cannot be had."""
        return {}


class DataSourceMetadataService(DataSourceOpenStack.DataSourceOpenStackLocal):  # type: ignore[misc]
    """Asks before there is a network, by a lease of its own on each card in turn."""

    # Its settings and its directory in /run are those of OpenStack.
    dsname = "OpenStack"
    perform_dhcp_setup = False

    def ds_detect(self) -> bool:
        """Whether to try: always, as this source comes after all that are found on disks."""
        return True

    def _crawl_metadata(self) -> Any:
        announcer = Announcer()
        while True:
            reason = "this machine has no network card"
            for card in net.find_candidate_nics():
                try:
                    return self._ask_on(card)
                except sources.InvalidMetaDataException as error:
                    reason = str(error)
                announcer.waiting(reason)
            announcer.waiting(reason)
            time.sleep(PAUSE)

    def _ask_on(self, card: str) -> Any:
        # The address of the service by IPv6 names the card.
        self.distro.fallback_interface = card
        lease = EphemeralDHCPv4(self.distro, card)
        try:
            lease.obtain_lease()
        except (NoDHCPLeaseError, OSError, ValueError):
            # The client has brought the link up, and the service's address by IPv6 needs no lease.
            return self._ask(f"no DHCP server answers on {card}")
        try:
            return self._ask(f"it gives no usable answer on {card}")
        finally:
            with suppress(OSError):
                lease.clean_network()

    def _ask(self, otherwise: str) -> Any:
        if not self.wait_for_metadata_service():
            raise sources.InvalidMetaDataException(otherwise)
        params = self.get_url_params()
        reader = Reader(self.metadata_address, self.ssl_details, params.timeout_seconds, params.num_retries)
        try:
            return reader.read_v2()
        except (openstack.NonReadable, openstack.BrokenMetadata) as error:
            raise sources.InvalidMetaDataException(str(error)) from error


def may_pass(code: int | None) -> bool:
    """Whether another attempt may get more than this HTTP status; none stands for no answer at all."""
    return code is None or code >= 500 or code in PASSING


# cloud-init picks from these by what it has at the time: so early, only file systems.
datasources = [(DataSourceMetadataService, (sources.DEP_FILESYSTEM,))]


def get_datasource_list(depends: Any) -> Any:
    """What cloud-init calls to learn what there is in this module."""
    return sources.list_from_depends(depends, datasources)
