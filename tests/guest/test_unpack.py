"""How what travels to ordinary images is written."""

import unittest

import unpack


class Base94(unittest.TestCase):
    def test_it_is_what_the_generator_writes(self):
        # `userdata::pack` has the same pair.
        self.assertEqual(unpack.base94(b"xmm/[B0r[)o\n"), b"\0imagegen")


if __name__ == "__main__":
    unittest.main()
