"""Security updates at the first boot, with the real apt and two archives in folders."""

import os
import subprocess
import tempfile
import unittest
from unittest import mock

import project
from imagegen.updates import first_boot

RELEASE = "Origin: Debian\nLabel: {label}\nSuite: {suite}\nCodename: {suite}\nArchitectures: amd64\nComponents: main\n"
PACKAGE = "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: A <a@example.org>\nDescription: x\n"
FILE = "Filename: pool/{name}.deb\nSize: 1\nSHA256: {sum}\n\n"


def archive(folder, label, suite, packages):
    """An archive of packages that exist by name alone."""
    lists = f"{folder}/dists/{suite}/main/binary-amd64"
    os.makedirs(lists)
    with open(f"{lists}/Packages", "w") as file:
        for name, version in packages.items():
            file.write(PACKAGE.format(name=name, version=version) + FILE.format(name=name, sum="0" * 64))
    with open(f"{folder}/dists/{suite}/Release", "w") as file:
        file.write(RELEASE.format(label=label, suite=suite))
        hashed = subprocess.run(["sha256sum", f"{lists}/Packages"], capture_output=True, text=True).stdout.split()[0]
        size = os.path.getsize(f"{lists}/Packages")
        file.write(f"SHA256:\n {hashed} {size} main/binary-amd64/Packages\n")


class Archives(project.Folder):
    """A system with three packages, for which there are updates of both kinds."""

    def setUp(self):
        super().setUp()
        for name in ("etc/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "var/lib/dpkg"):
            os.makedirs(f"{self.root}/{name}")
        archive(f"{self.root}/plain", "Debian", "stable", {"editor": "2.0", "library": "1.5"})
        archive(f"{self.root}/secure", "Debian-Security", "stable-security", {"library": "1.1", "new-kernel": "7"})
        with open(f"{self.root}/etc/apt/sources.list", "w") as file:
            for name, suite in (("plain", "stable"), ("secure", "stable-security")):
                file.write(f"deb [trusted=yes] file:{self.root}/{name} {suite} main\n")
        with open(f"{self.root}/var/lib/dpkg/status", "w") as file:
            for name in ("editor", "library"):
                installed = "Status: install ok installed\n"
                file.write(PACKAGE.format(name=name, version="1.0") + installed + "\n")
        options = [f"Dir={self.root}", f"Dir::State::status={self.root}/var/lib/dpkg/status", "APT::Architecture=amd64"]
        options += ["APT::Sandbox::User=root"]
        words = [word for option in options for word in ("-o", option)]
        project.replace(self, first_boot, NETWORK=words)

    def test_only_what_the_security_archive_has_is_installed(self):
        first_boot.apt("update")
        found = first_boot.packages(first_boot.apt("--simulate", "--with-new-pkgs", "upgrade"))
        self.assertEqual(found, ["library"])
        shown = first_boot.apt("--simulate", "--with-new-pkgs", "upgrade")
        self.assertIn("(1.1 Debian-Security:stable-security", shown)

    def test_without_the_preferences_everything_would_be(self):
        first_boot.apt("update")
        with mock.patch.object(first_boot, "FOLDER", "/nonexistent"):
            found = first_boot.packages(first_boot.apt("--simulate", "--with-new-pkgs", "upgrade"))
        self.assertEqual(found, ["editor", "library"])

    def test_an_archive_that_is_not_there_is_told_in_a_sentence(self):
        with open(f"{self.root}/etc/apt/sources.list", "a") as file:
            file.write("deb [trusted=yes] file:/nonexistent stable main\n")
        with self.assertRaisesRegex(first_boot.Failed, "^E: "):
            first_boot.fetch()


class FirstBoot(unittest.TestCase):
    def test_a_copy_of_a_disk_is_another_instance(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("i-1\n")
            file.flush()
            self.assertTrue(first_boot.is_done("i-1", file.name))
            self.assertFalse(first_boot.is_done("i-2", file.name))
        self.assertFalse(first_boot.is_done("i-1", "/nonexistent"))

    def test_a_machine_that_cannot_update_goes_on(self):
        told = []
        failing = mock.Mock(side_effect=first_boot.Failed("there is no archive"))
        project.replace(self, first_boot, route_source=lambda _: "10.0.0.7", fetch=failing, announce=told.append)
        self.assertFalse(first_boot.bring_up_to_date())
        sentence = "Security updates were not installed: there is no archive. The machine goes on without them."
        self.assertEqual(told, [sentence])


if __name__ == "__main__":
    unittest.main()
