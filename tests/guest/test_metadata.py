"""The data source for the metadata service, with what it takes from cloud-init as small as it can be."""

import importlib.util
import io
import os
import sys
import tempfile
import types
import unittest
from contextlib import nullcontext
from typing import ClassVar
from unittest import mock

from project import PROJECT

PATH = f"{PROJECT}/images/base/usr/lib/python3/dist-packages/imagegen_cloud/DataSourceMetadataService.py"


class NoLease(Exception):
    pass


class InvalidMetaData(Exception):
    pass


class UrlError(IOError):
    def __init__(self, code):
        super().__init__(f"status {code}")
        self.code = code


class BaseReader:
    """Reads from `files`, where a number stands for an HTTP status and None for no answer."""

    files: ClassVar[dict] = {}

    def __init__(self, address, ssl_details, timeout, retries):
        self.address = address

    def _path_read(self, path, decode=False):
        found = self.files[path.rsplit("/", 1)[-1]]
        if found is None or isinstance(found, int):
            raise UrlError(found)
        return found

    def read_v2(self):
        read = {}
        for name in self.files:
            try:
                read[name] = self._path_read(f"{self.address}/openstack/latest/{name}")
            except OSError:
                pass
        return read


class Lease:
    """A network whose cards in `answering` get a lease."""

    answering: ClassVar[set] = set()
    clean: ClassVar[list] = []

    def __init__(self, distro, card):
        self.card = card

    def obtain_lease(self):
        if self.card not in self.answering:
            raise NoLease()

    def clean_network(self):
        self.clean.append(self.card)


class BaseSource:
    def __init__(self, reachable):
        self.distro = types.SimpleNamespace(fallback_interface=None)
        self.reachable = reachable
        self.metadata_address = "http://169.254.169.254"
        self.ssl_details = None

    def wait_for_metadata_service(self):
        """Takes ten seconds of the test's clock where nobody answers."""
        answers = self.reachable(self.distro.fallback_interface, clock.now)
        clock.now += 0 if answers else 10
        return answers

    def get_url_params(self):
        return types.SimpleNamespace(timeout_seconds=5, num_retries=5)


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


clock = Clock()


def load():
    def module(name, **content):
        made = types.ModuleType(name)
        made.__dict__.update(content)
        return name, made

    net = module("cloudinit.net", find_candidate_nics=lambda: ["ens3", "ens4"])[1]
    openstack = types.SimpleNamespace(
        MetadataReader=BaseReader, NonReadable=FileNotFoundError, BrokenMetadata=BlockingIOError
    )
    source = types.SimpleNamespace(DataSourceOpenStackLocal=BaseSource)
    sources = module(
        "cloudinit.sources",
        InvalidMetaDataException=InvalidMetaData,
        DataSourceOpenStack=source,
        DEP_FILESYSTEM="FILESYSTEM",
        list_from_depends=lambda depends, known: [kind for kind, needs in known if set(needs) == set(depends)],
    )[1]
    stubs = dict(
        [
            module("cloudinit", net=net, sources=sources, url_helper=types.SimpleNamespace(UrlError=UrlError)),
            ("cloudinit.net", net),
            module("cloudinit.net.dhcp", NoDHCPLeaseError=NoLease),
            module("cloudinit.net.ephemeral", EphemeralDHCPv4=Lease),
            ("cloudinit.sources", sources),
            module("cloudinit.sources.helpers", openstack=openstack),
        ]
    )
    with mock.patch.dict(sys.modules, stubs):
        spec = importlib.util.spec_from_file_location("datasource", PATH)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
    loaded.time = clock
    return loaded


datasource = load()


def mended_after_a_minute(card, now):
    """A service that answers all the time, and has the user-data only after a minute."""
    if now > 60:
        BaseReader.files["user_data"] = "#cloud-config"
    return True


class Asking(unittest.TestCase):
    def setUp(self):
        clock.now = 0.0
        Lease.clean.clear()
        Lease.answering = {"ens3", "ens4"}
        BaseReader.files = {"meta_data.json": "{}", "user_data": "#cloud-config"}
        self.console = io.StringIO(newline="")
        # As a console does, it keeps what was written before it was closed.
        opened = mock.patch.object(datasource, "open", lambda path, mode: nullcontext(self.console), create=True)
        opened.start()
        self.addCleanup(opened.stop)

    def crawl(self, reachable):
        return datasource.DataSourceMetadataService(reachable)._crawl_metadata()

    def said(self):
        return self.console.getvalue()

    def test_a_service_that_answers_is_asked_once_and_nothing_is_said(self):
        self.assertEqual(self.crawl(lambda card, now: True)["user_data"], "#cloud-config")
        self.assertEqual((self.said(), Lease.clean), ("", ["ens3"]))

    def test_a_service_that_is_slow_is_waited_for_and_told_of(self):
        self.crawl(lambda card, now: now > 3600)
        lines = self.said().split("\r\n")
        self.assertEqual(
            lines[0],
            "imagegen: Waiting for the metadata service at 169.254.169.254 (no config drive found): "
            "it gives no usable answer on ens3; 32 s so far.",
        )
        self.assertGreater(len(lines), 60)
        self.assertEqual(lines[-1], "")

    def test_the_second_card_is_asked_too(self):
        Lease.answering = {"ens4"}
        self.crawl(lambda card, now: card == "ens4")
        self.assertEqual(Lease.clean, ["ens4"])

    def test_without_a_lease_ipv6_is_asked(self):
        Lease.answering = set()
        self.assertIn("user_data", self.crawl(lambda card, now: True))
        self.crawl(lambda card, now: now > 60)
        self.assertIn("no DHCP server answers on ens4;", self.said())

    def test_user_data_that_cannot_be_read_is_not_taken_for_none(self):
        for status in (500, 503, 429, None):
            BaseReader.files = {"meta_data.json": "{}", "user_data": status}
            clock.now = 0.0
            self.assertEqual(self.crawl(mended_after_a_minute)["user_data"], "#cloud-config", status)
            self.assertGreater(clock.now, 60)

    def test_files_that_are_not_there_and_those_of_a_vendor_may_be_missing(self):
        BaseReader.files = {"meta_data.json": "{}", "user_data": 404, "vendor_data2.json": 500}
        self.assertEqual(self.crawl(lambda card, now: True), {"meta_data.json": "{}"})

    def test_cloud_init_finds_it_for_the_time_before_there_is_a_network(self):
        found = datasource.get_datasource_list(["FILESYSTEM"])
        self.assertEqual(found, [datasource.DataSourceMetadataService])
        self.assertEqual(datasource.get_datasource_list(["FILESYSTEM", "NETWORK"]), [])

    def test_a_reason_is_told_in_one_line(self):
        told = datasource.sentence(7.4, "first\r\nsecond " + "x" * 500)
        self.assertTrue(told.endswith("; 7 s so far."))
        self.assertTrue("first second" in told and len(told) < 320 and "\n" not in told)


class OnLink(unittest.TestCase):
    def test_gateways_are_marked_as_on_the_link_once(self):
        text = (
            "[Route]\nDestination=0.0.0.0/0\nGateway=10.77.0.1\n\n[Route]\nDestination=10.77.0.0/24\nGateway=0.0.0.0\n"
        )
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "10-cloud-init-ens3.network")
            with open(path, "w") as file:
                file.write(text)
            for _ in range(2):
                os.system(f"sh {PROJECT}/images/base/usr/lib/imagegen/on-link.sh {folder}")
            with open(path) as file:
                mended = file.read()
        self.assertEqual(
            mended,
            "[Route]\nDestination=0.0.0.0/0\nGateway=10.77.0.1\nGatewayOnLink=yes\n\n[Route]\nDestination=10.77.0.0/24\n",
        )


if __name__ == "__main__":
    unittest.main()
