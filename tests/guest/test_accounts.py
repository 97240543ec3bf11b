import subprocess
import tempfile
import unittest

import project  # noqa: F401  (sets the path)

import accounts
import common

ADA = ("ada", 1815, 1815, "Ada Lovelace")


class Conflicts(unittest.TestCase):
    def test_a_machine_without_them_has_none(self):
        self.assertEqual(accounts.conflicts([ADA], [("root", 0, 0)], [("root", 0)]), [])

    def test_a_machine_that_has_them_already_has_none(self):
        self.assertEqual(accounts.conflicts([ADA], [("ada", 1815, 1815)], [("ada", 1815)]), [])

    def test_everything_in_the_way_is_told(self):
        found = accounts.conflicts(
            [ADA, ("bob", 2001, 2001, "")],
            [("ada", 1000, 1000), ("eve", 2001, 2001)],
            [("ada", 1000), ("eve", 2001)],
        )
        self.assertEqual(
            found,
            [
                "ada should have UID 1815 and has 1000 here.",
                "Group ada should have GID 1815 and has 1000 here.",
                "ada should be in group 1815 first and is in 1000 here.",
                "UID 2001 should be bob's and belongs to eve here.",
                "GID 2001 should be bob's and belongs to eve here.",
            ],
        )


class Table(unittest.TestCase):
    def test_names_are_optional(self):
        with tempfile.NamedTemporaryFile("w") as table:
            table.write("ada\t1815\t1815\tAda Lovelace\nbob\t2001\t2001\n")
            table.flush()
            self.assertEqual(common.users(table.name), [ADA, ("bob", 2001, 2001, "")])


class Sysusers(unittest.TestCase):
    """systemd's own program makes the accounts of an empty root folder as the table says."""

    def test_the_accounts_have_the_ids_of_the_table_and_no_password(self):
        with tempfile.TemporaryDirectory() as root:
            subprocess.run(["mkdir", "-p", f"{root}/etc"], check=True)
            with open(f"{root}/table.conf", "w") as table:
                table.write(accounts.sysusers([ADA, ("bob", 2001, 2002, "")]))
            subprocess.run(["systemd-sysusers", f"--root={root}", f"{root}/table.conf"], check=True, stderr=subprocess.PIPE)
            with open(f"{root}/etc/passwd") as passwd:
                lines = sorted(line.strip() for line in passwd)
            self.assertEqual(lines[0], "ada:x:1815:1815:Ada Lovelace:/home/ada:/bin/bash")
            self.assertEqual(lines[1], "bob:x:2001:2002:bob:/home/bob:/bin/bash")
            with open(f"{root}/etc/shadow") as shadow:
                self.assertTrue(all(line.split(":")[1].startswith("!") for line in shadow))


if __name__ == "__main__":
    unittest.main()
