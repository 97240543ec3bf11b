import os
import subprocess
import tempfile
import unittest

import project
from imagegen import accounts

BEFORE = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "shadow": "root:*:20000:0:99999:7:::\n",
    "group": "root:x:0:\nsudo:x:27:\n",
    "gshadow": "root:*::\nsudo:*::\n",
}


class Apply(unittest.TestCase):
    """Account files in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.etc = folder.name
        for name, text in BEFORE.items():
            self.write(name, text)
        os.chmod(f"{self.etc}/shadow", 0o640)
        self.said = []

        def fail(text):
            raise SystemExit(text)

        settings = {"homes": "/srv/homes"}
        told = {"say": self.said.append, "announce": self.said.append, "fail": fail}
        project.replace(self, accounts, settings=lambda: settings, **told)

    def write(self, name, text):
        with open(f"{self.etc}/{name}", "w") as file:
            file.write(text)

    def lines(self, name):
        with open(f"{self.etc}/{name}") as file:
            return file.read().splitlines()

    def apply(self, table, homes=None):
        self.write("table", table)
        accounts.main(f"{self.etc}/table", self.etc, homes)

    def test_accounts_have_the_ids_of_the_table_and_no_password(self):
        self.apply("@3000\tcourse\tada,bob\n1815\tada\n2001:2002\tbob\n", "/home")
        self.assertIn("ada:x:1815:1815::/home/ada:/bin/bash", self.lines("passwd"))
        self.assertIn("bob:x:2001:2002::/home/bob:/bin/bash", self.lines("passwd"))
        self.assertIn("bob:x:2002:", self.lines("group"))
        self.assertIn("course:x:3000:ada,bob", self.lines("group"))
        self.assertIn("course:!::ada,bob", self.lines("gshadow"))
        self.assertIn("ada:!:::::::", self.lines("shadow"))
        self.assertEqual(os.stat(f"{self.etc}/shadow").st_mode & 0o777, 0o640)

    def test_homes_are_where_the_settings_say(self):
        self.apply("1815\tada\n")
        self.assertIn("ada:x:1815:1815::/srv/homes/ada:/bin/bash", self.lines("passwd"))

    def test_a_second_run_changes_nothing(self):
        table = "@3000\tcourse\ts{1..3}\n2001\ts{1..3}\n"
        self.apply(table)
        before = {name: os.stat(f"{self.etc}/{name}").st_ino for name in BEFORE}
        self.apply(table)
        self.assertEqual({name: os.stat(f"{self.etc}/{name}").st_ino for name in BEFORE}, before)
        self.assertEqual(self.said, ["3 accounts of the workshop made.", "All accounts are there."])

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
        self.assertIn("ada should have UID 1815 but has 1000.", text)
        self.assertIn("ada should have first GID 1815 but has 1000.", text)
        self.assertIn("bob should have UID 2001, which eve has.", text)
        self.assertIn("bob should have GID 2001, which eve has.", text)
        self.assertEqual(len(self.lines("passwd")), 3)

    def test_the_c_library_reads_what_was_written(self):
        self.apply("@3000\tcourse\tada,o.brien-2\n1815\tada\n2001\to.brien-2\n2002\t2ada\n")
        pwck = ["pwck", "-r", f"{self.etc}/passwd", f"{self.etc}/shadow"]
        said = subprocess.run(pwck, capture_output=True, text=True)
        # It looks for homes, which only the hub has, and for groups in the system's own file.
        known = ("does not exist", "no changes", "no group")
        unknown = [line for line in said.stdout.splitlines() if not any(word in line for word in known)]
        self.assertEqual(unknown, [])


if __name__ == "__main__":
    unittest.main()
