"""The UID table. Its writer, src/userdata/table.rs, has the same pairs of text and meaning in its tests."""

import base64
import lzma
import tempfile
import unittest

import project  # noqa: F401  (sets the path)
from imagegen import packed as packing
from imagegen import users
from imagegen.hub import exchange
from imagegen.users import Group, User


def packed(text):
    return f"{users.PACKED}\n{base64.b85encode(lzma.compress(text.encode(), lzma.FORMAT_ALONE)).decode()}\n"


class Table(unittest.TestCase):
    def read(self, text):
        with tempfile.NamedTemporaryFile("w", newline="\n") as file:
            file.write(text)
            file.flush()
            return users.table(file.name)

    def test_every_kind_of_line(self):
        found = self.read(
            "@3000\tcourse\tada,s{08..10}\n@3001\tempty\t\n1815:3000\tada\n2001\ts{08..10}\n+2500\t00\t05\tbob eve\n"
        )
        self.assertEqual(found.users["ada"], User(1815, 3000))
        ids = [found.users[name].uid for name in ("s08", "s09", "s10", "bob", "eve")]
        self.assertEqual(ids, [2001, 2002, 2003, 2500, 2505])
        self.assertEqual(found.groups["course"], Group(3000, ["ada", "s08", "s09", "s10"]))
        self.assertEqual(found.groups["empty"], Group(3001, []))
        self.assertNotIn("ada", found.groups, "the group that she shares is her first one")
        self.assertEqual(found.groups["bob"], Group(2500, []))

    def test_the_usual_workshop_as_the_generator_writes_it(self):
        found = self.read("@3000\tcourse\tada\n1815:3000\tada\n2001\ttraining{01..30}\n")
        self.assertEqual(len(found.users), 31)
        self.assertEqual(found.users["training01"], User(2001, 2001))
        self.assertEqual(found.users["training30"], User(2030, 2030))
        self.assertEqual(found.groups["course"], Group(3000, ["ada"]))

    def test_dense_tables_count_up(self):
        found = self.read("+2000\t000\t077\tu2000 u2007 u2014\n")
        self.assertEqual(found.users, {f"u{uid}": User(uid, uid) for uid in (2000, 2007, 2014)})

    def test_steps_have_a_high_and_a_low_digit(self):
        self.assertEqual(self.read("+1\t01\t0_\ta b\n").users["b"], User(128, 128))

    def test_the_digest_of_a_table_is_the_generators_in_whatever_style(self):
        # `userdata::table` has the same table and digest.
        wanted = "417cf692338b2f2688333f7fcebcfd47142d24b35b8d251497bb9c211ce5fd50"
        lines = "@3000\tcourse\tada,s{1..2}\n@3001\tempty\t\n1815:3000\tada\n1900\tbob\n2001\ts{1..2}\n"
        dense = "@3000\tcourse\tada,s{1..2}\n@3001\tempty\t\n1815:3000\tada\n2001\ts{1..2}\n+1900\t0\t0\tbob\n"
        for text in (lines, dense, packed(dense)):
            self.assertEqual(exchange.digest(text), wanted)

    def test_a_dense_table_that_is_cut_off_is_an_error(self):
        with self.assertRaises(ValueError):
            self.read("+2000\t000\t077\tu2000 u2007\n")

    def test_a_packed_table_means_the_same_as_its_lines(self):
        lines = "@3000\tcourse\tada,s{1..3}\n1815\tada\n2001\ts{1..3}\n" + "+5000\t00\t03\tbob eve\n"
        self.assertEqual(self.read(packed(lines)), self.read(lines))

    def test_a_packed_table_may_be_broken_into_lines(self):
        head, body, _ = packed("+5000\t00\t03\tbob eve\n").split("\n")
        broken = "\n".join([head, body[:10], body[10:], ""])
        self.assertEqual(self.read(broken), self.read("+5000\t00\t03\tbob eve\n"))

    def test_a_packed_table_takes_no_more_memory_than_it_may(self):
        bomb = packed("x" * (packing.LARGEST + 1))
        self.assertLess(len(bomb), 10_000)
        self.assertEqual(len(packing.unpacked(bomb)), packing.LARGEST)

    def test_numbers_have_the_width_of_the_first(self):
        self.assertEqual(users.numbered("s{8..11}"), ["s8", "s9", "s10", "s11"])
        self.assertEqual(users.numbered("s{08..11}"), ["s08", "s09", "s10", "s11"])
        self.assertEqual(users.numbered("ada"), ["ada"])

    def test_no_users_are_no_error(self):
        self.assertEqual(self.read(""), users.Table({}, {}))


if __name__ == "__main__":
    unittest.main()
