"""The programs of today accept the user-data of every level up to their own (tests/fixtures/levels)."""

import glob
import os
import tempfile
import unittest

import levels
import project
from imagegen import settings, start, users

FOLDER = os.path.join(project.PROJECT, "tests/fixtures/levels")


class Levels(unittest.TestCase):
    def test_there_are_texts_of_every_level(self):
        own = start.own_level(f"{project.LIBRARY}/imagegen")
        for level in range(1, own + 1):
            names = {os.path.basename(path) for path in glob.glob(f"{FOLDER}/{level}/*.yaml")}
            for workshop in ("usual", "people", "classic"):
                self.assertLessEqual({f"{workshop}-hub.yaml", f"{workshop}-node.yaml"}, names, level)

    def test_every_text_is_accepted(self):
        for path in glob.glob(f"{FOLDER}/*/*.yaml"):
            with self.subTest(os.path.relpath(path, FOLDER)):
                self.assertEqual(list(levels.faults(path)), [])

    def test_each_text_names_the_level_of_its_folder_and_its_role(self):
        for path in glob.glob(f"{FOLDER}/*/*.yaml"):
            with self.subTest(os.path.relpath(path, FOLDER)), tempfile.TemporaryDirectory() as root:
                levels.unpack.main(path, root)
                config = settings.settings(f"{root}/etc/imagegen/settings.json")
                self.assertEqual(str(config["level"]), os.path.basename(os.path.dirname(path)))
                self.assertIn(f"-{config['role']}.", path)

    def test_the_people_of_a_text_have_the_ids_that_they_had(self):
        with tempfile.TemporaryDirectory() as root:
            levels.unpack.main(f"{FOLDER}/1/people-node.yaml", root)
            table = users.table(f"{root}{users.TABLE}")
        self.assertEqual(table.users["ada"], users.User(1815, 3000))
        self.assertEqual(table.users["s10"], users.User(4002, 4002))
        self.assertEqual(table.groups["course-b"], users.Group(3001, ["o.brien-2", "s08", "s09", "s10", "kurt"]))


class Judge(unittest.TestCase):
    """What accepts texts refuses wrong ones."""

    def test_settings_that_are_not_as_the_schema_says(self):
        good = {"level": 1, "role": "node", "shares": [["/a", True]], "links": {"a": "b"}, "hub_ip": None}
        self.assertEqual(list(levels.misfits(good, levels.schema.Settings)), [])
        for wrong in (
            {"levels": 1},
            {"level": "1"},
            {"level": True},
            {"role": "both"},
            {"shares": [["/a"]]},
            {"shares": "/a"},
            {"links": ["a"]},
            {"hub_ip": 5},
            {"page": {}},
        ):
            self.assertTrue(list(levels.misfits({**good, **wrong}, levels.schema.Settings)), wrong)

    def test_programs_that_import_what_is_not_there(self):
        self.assertEqual(list(levels.missing_imports("from imagegen import status\nimport os\n")), [])
        self.assertTrue(list(levels.missing_imports("from imagegen.node import Nothing\n")))
        with self.assertRaises(ModuleNotFoundError):
            list(levels.missing_imports("import imagegen.nothing\n"))


if __name__ == "__main__":
    unittest.main()
