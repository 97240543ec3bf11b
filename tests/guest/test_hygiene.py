"""What must not stay in an image that was made from a cloud image. `tests/it/hygiene.rs` has the script and the plan
judge the same things."""

import os
import sys
import tempfile
import unittest
from unittest import mock

import project

sys.path.insert(0, os.path.join(project.PROJECT, "userdata/provision"))

import hygiene
import provision

RULES = {
    "dropped": [{"at": "etc/hostname"}, {"in": "var/log"}, {"like": ["etc/ssh", "ssh_host_", ""]}, {"home": ".ssh"}],
    "empty": ["etc/machine-id"],
    "forbidden": ["usr/sbin/sshd"],
    "locked": ["*", "!"],
    "shadowed": "x",
    "first_login_uid": 1000,
    "not_login": ["nobody"],
}


class Accounts(unittest.TestCase):
    def test_people_and_a_second_root_can_log_in(self):
        self.assertEqual(hygiene.login_users("root:x:0:0::\ntoor:x:0:0::\n", RULES), ["toor"])
        people = "root:x:0:0::\nnobody:x:65534:::\ndebian:x:1000:1000::\n_apt:x:42:65534::\n\nodd:x:y\n"
        self.assertEqual(hygiene.login_users(people, RULES), ["debian"])

    def test_a_hash_or_nothing_is_a_password(self):
        shadow = "root:*:1::\ndaemon:!:1::\nada:$6$a$b:1::\neve::1::\nlocked:!$6$a$b:1::\n"
        self.assertEqual(hygiene.with_password(shadow, RULES), ["ada", "eve"])
        self.assertEqual(hygiene.masked(shadow), "root:*:\ndaemon:!:\nada:$6:\neve::\nlocked:!$:\n")

    def test_a_second_root_does_not_take_roots_home_with_it(self):
        ran = []
        passwd = "root:x:0:0::/root:\ntoor:x:0:0::/root:\nada:x:1000:1000::/home/ada:\n"
        tables = {"/etc/passwd": passwd, "/etc/shadow": ""}
        with mock.patch.multiple(provision, read=tables.get, tell=mock.Mock(), run=lambda _, *words: ran.append(words)):
            with mock.patch.object(hygiene, "forbidden", lambda *_: []):
                provision.take_out(RULES)
        self.assertEqual(ran, [("userdel", "--force", "toor"), ("userdel", "--force", "--remove", "ada")])


class Files(unittest.TestCase):
    def test_each_kind_of_place_goes_and_what_is_beside_it_stays(self):
        gone = {"etc/hostname", "var/log/syslog", "var/log/apt/term.log", "etc/ssh/ssh_host_rsa_key"}
        gone |= {"home/ada/.ssh/id", "root/.ssh/id"}
        stays = {"etc/hosts", "var/lib/a", "etc/machine-id", "etc/ssh/ssh_config", "home/ada/notes"}
        with tempfile.TemporaryDirectory() as root:
            for name in gone | stays:
                os.makedirs(os.path.dirname(f"{root}/{name}"), exist_ok=True)
                with open(f"{root}/{name}", "w") as file:
                    file.write("text")
            hygiene.clean(root, RULES)
            left = [os.path.join(inner, name) for inner, _, names in os.walk(root) for name in names]
            self.assertEqual({os.path.relpath(path, root) for path in left}, stays)
            self.assertEqual(os.stat(f"{root}/etc/machine-id").st_size, 0)


if __name__ == "__main__":
    unittest.main()
