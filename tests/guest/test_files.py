import os
import tempfile
import unittest
from unittest import mock

import project  # noqa: F401  (sets the path)
from imagegen import files


class WriteWhole(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.path = os.path.join(folder.name, "exports")

    def test_a_file_that_is_right_is_left_alone(self):
        self.assertTrue(files.write_whole(self.path, "one"))
        before = os.stat(self.path).st_ino
        self.assertFalse(files.write_whole(self.path, "one"))
        self.assertEqual(os.stat(self.path).st_ino, before)
        self.assertTrue(files.write_whole(self.path, "two"))
        self.assertEqual(os.listdir(self.folder), ["exports"])

    def test_the_mode_is_never_wider_than_asked(self):
        """Looks at the folder before and after each call that could widen it, with the widest umask."""
        seen = set()

        def watched(function):
            def call(*arguments, **options):
                self.look(seen)
                result = function(*arguments, **options)
                self.look(seen)
                return result

            return call

        self.addCleanup(os.umask, os.umask(0))
        names = {name: watched(getattr(os, name)) for name in ("open", "fdopen", "fchmod", "replace")}
        for mode in (0o600, 0o640, 0o644):
            with self.subTest(oct(mode)), mock.patch.multiple(os, **names):
                seen.clear()
                files.write_whole(self.path, f"secret {mode}", mode)
            self.assertLessEqual(seen, {0o600, mode})
            self.assertEqual(os.stat(self.path).st_mode & 0o777, mode)
            os.remove(self.path)

    def look(self, seen):
        for name in os.listdir(self.folder):
            seen.add(os.stat(f"{self.folder}/{name}").st_mode & 0o777)

    def test_readers_see_the_old_text_or_the_new_one(self):
        files.write_whole(self.path, "old")
        seen = []

        def replace(source, target, run=os.replace):
            with open(target) as old, open(source) as new:
                seen.extend([old.read(), new.read()])
            run(source, target)

        with mock.patch.object(os, "replace", replace):
            files.write_whole(self.path, "new")
        self.assertEqual(seen, ["old", "new"])

    def test_a_text_in_another_encoding_is_replaced(self):
        with open(self.path, "wb") as file:
            file.write(b"\xff\xfe")
        self.assertTrue(files.write_whole(self.path, "one"))


if __name__ == "__main__":
    unittest.main()
