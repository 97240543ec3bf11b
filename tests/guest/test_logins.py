import os
import subprocess
import tempfile
import unittest
import unittest.mock

import project  # noqa: F401  (sets the path)

import logins

PASSWD = "root:x:0:0::/root:/bin/bash\ndebian:x:1000:1000::/home/debian:/bin/bash\n"
ADMIN = "imagegen-admin:x:60900:60900::/var/lib/imagegen-admin:/bin/bash\n"
STUDENTS = "ada:x:1815:1815::/home/ada:/bin/bash\ns08:x:2001:2001::/home/s08:/bin/bash\n"


def may_log_in(name, text):
    """As sshd reads the rule: in a list of patterns one with `!` that matches ends the search, ssh_config(5)."""
    condition, denial = [line.split() for line in text.splitlines() if not line.startswith("#")]
    assert condition[:2] == ["Match", "User"] and denial == ["DenyUsers", "*"], text
    patterns = condition[2].split(",")
    return f"!{name}" in patterns or "*" not in patterns


class Logins(unittest.TestCase):
    """An ordinary machine's accounts and its sshd, of which `state` says whether it runs and takes its configuration."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.etc = folder.name
        self.rules = f"{self.etc}/ssh/sshd_config.d/11-imagegen.conf"
        self.state, self.reloads = {"is-active": 0, "reload": 0}, []
        self.write("users", "1815\tada\n2001\ts{08..10}\n")

    def write(self, name, text):
        with open(f"{self.etc}/{name}", "w") as file:
            file.write(text)

    def systemctl(self, command):
        self.assertEqual((command[:2], command[-1]), (["systemctl", "--quiet"], "ssh.service"))
        if command[2] == "reload":
            with open(self.rules) as file:
                self.reloads.append(file.read())
        return subprocess.CompletedProcess(command, self.state[command[2]])

    def apply(self, passwd):
        self.write("passwd", passwd)
        with unittest.mock.patch("subprocess.run", self.systemctl):
            logins.main(self.rules, f"{self.etc}/users", self.etc)
        with open(self.rules) as file:
            return file.read()

    def test_no_user_of_the_workshop_logs_in_and_everybody_else_does_as_before(self):
        # On the first boot, before they have accounts, and on the next one.
        for passwd in (PASSWD + ADMIN, PASSWD + ADMIN + STUDENTS):
            text = self.apply(passwd)
            for name in ("root", "debian", "imagegen-admin"):
                self.assertTrue(may_log_in(name, text), f"{name}: {text}")
            for name in ("ada", "s08", "s10"):
                self.assertFalse(may_log_in(name, text), f"{name}: {text}")
        self.assertEqual(os.listdir(os.path.dirname(self.rules)), ["11-imagegen.conf"])

    def test_a_server_that_runs_reads_the_rule(self):
        self.assertEqual(self.apply(PASSWD), self.reloads[0])

    def test_an_image_without_a_server_has_the_rule_for_a_later_one(self):
        self.state["is-active"] = 4
        self.assertIn("DenyUsers *", self.apply(PASSWD))
        self.assertEqual(self.reloads, [])

    def test_a_server_that_does_not_read_the_rule_is_a_failure_before_there_are_accounts(self):
        self.state["reload"] = 1
        with unittest.mock.patch.object(logins, "fail", side_effect=SystemExit) as fail, self.assertRaises(SystemExit):
            self.apply(PASSWD)
        self.assertIn("sshd -t", fail.call_args[0][0])


if __name__ == "__main__":
    unittest.main()
