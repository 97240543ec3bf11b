import os
import subprocess
import tempfile
import unittest

import project  # noqa: F401  (sets the path)

import accounts

BEFORE = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "shadow": "root:*:20000:0:99999:7:::\n",
    "group": "root:x:0:\nsudo:x:27:\n",
    "gshadow": "root:*::\nsudo:*::\n",
}


class Etc(unittest.TestCase):
    """Account files in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.etc = folder.name
        for name, text in BEFORE.items():
            self.write(name, text)
        os.chmod(f"{self.etc}/shadow", 0o640)
        accounts.settings = lambda: {"homes": "/home"}
        self.said = []
        accounts.say = self.said.append
        accounts.announce = self.said.append

        def fail(text):
            raise SystemExit(text)

        accounts.fail = fail

    def write(self, name, text):
        with open(f"{self.etc}/{name}", "w") as file:
            file.write(text)

    def lines(self, name):
        with open(f"{self.etc}/{name}") as file:
            return file.read().splitlines()

    def apply(self, table):
        self.write("table", table)
        accounts.main(f"{self.etc}/table", self.etc)


class Table(Etc):
    def read(self, text):
        self.write("table", text)
        return accounts.table(f"{self.etc}/table")

    def test_every_kind_of_line(self):
        users, groups = self.read(
            "@3000\tcourse\tada,s{08..10}\n@3001\tempty\t\n1815:3000\tada\tAda Lovelace\n2001\ts{08..10}\n+2500 5\tbob eve\n"
        )
        self.assertEqual(users["ada"], (1815, 3000, "Ada Lovelace"))
        self.assertEqual([users[name][0] for name in ("s08", "s09", "s10", "bob", "eve")], [2001, 2002, 2003, 2500, 2505])
        self.assertEqual(groups["course"], (3000, ["ada", "s08", "s09", "s10"]))
        self.assertEqual(groups["empty"], (3001, []))
        self.assertNotIn("ada", groups, "the group that she shares is her first one")
        self.assertEqual(groups["bob"], (2500, []))


class Apply(Etc):
    def test_accounts_have_the_ids_of_the_table_and_no_password(self):
        self.apply("@3000\tcourse\tada,bob\n1815\tada\tAda \"Countess\" %n \\ Lovelace\n2001:2002\tbob\n")
        self.assertIn("ada:x:1815:1815:Ada \"Countess\" %n \\ Lovelace:/home/ada:/bin/bash", self.lines("passwd"))
        self.assertIn("bob:x:2001:2002::/home/bob:/bin/bash", self.lines("passwd"))
        self.assertIn("bob:x:2002:", self.lines("group"))
        self.assertIn("course:x:3000:ada,bob", self.lines("group"))
        self.assertIn("course:!::ada,bob", self.lines("gshadow"))
        self.assertIn("ada:!:::::::", self.lines("shadow"))
        self.assertEqual(os.stat(f"{self.etc}/shadow").st_mode & 0o777, 0o640)

    def test_a_second_run_changes_nothing(self):
        table = "@3000\tcourse\ts{1..3}\n2001\ts{1..3}\n"
        self.apply(table)
        before = {name: os.stat(f"{self.etc}/{name}").st_ino for name in BEFORE}
        self.apply(table)
        self.assertEqual({name: os.stat(f"{self.etc}/{name}").st_ino for name in BEFORE}, before)
        self.assertEqual(self.said, ["3 accounts of the workshop made.", "All 3 accounts are there."])

    def test_a_user_who_comes_later_joins_a_group_that_is_there(self):
        self.apply("@3000\tcourse\tada\n1815\tada\n")
        self.apply("@3000\tcourse\tada,bob\n1815\tada\n2001\tbob\n")
        self.assertIn("course:x:3000:ada,bob", self.lines("group"))
        self.assertEqual(len(self.lines("passwd")), 3)

    def test_everything_in_the_way_is_told_and_nothing_is_changed(self):
        self.write("passwd", BEFORE["passwd"] + "ada:x:1000:1000::/home/ada:/bin/sh\neve:x:2001:2001::/:/bin/sh\n")
        self.write("group", BEFORE["group"] + "eve:x:2001:\n")
        with self.assertRaises(SystemExit) as raised:
            self.apply("1815\tada\n2001\tbob\n")
        text = str(raised.exception)
        self.assertIn("ada should have UID 1815 and has 1000 here.", text)
        self.assertIn("ada should be in group 1815 first and is in 1000 here.", text)
        self.assertIn("bob should have UID 2001, which is eve's here.", text)
        self.assertIn("bob should have GID 2001, which is eve's here.", text)
        self.assertEqual(len(self.lines("passwd")), 3)

    def test_the_c_library_reads_what_was_written(self):
        self.apply("@3000\tcourse\tada,o.brien-2\n1815\tada\tZo\u00eb\n2001\to.brien-2\n2002\t2ada\n")
        said = subprocess.run(["pwck", "-r", f"{self.etc}/passwd", f"{self.etc}/shadow"], capture_output=True, text=True)
        # It looks for homes, which only the hub has, and for groups in the system's own file.
        known = ("does not exist", "no changes", "no group")
        self.assertEqual([line for line in said.stdout.splitlines() if not any(word in line for word in known)], [])


if __name__ == "__main__":
    unittest.main()
