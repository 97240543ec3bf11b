"""Spoils each text that imagegen prints in every way that a clipboard, an editor, a form or a person does."""

import base64
import gzip
import os
import random
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import project
from imagegen.paste import content, sentences
from imagegen.paste.verdict import Spoiled, Taken, judge
from spoilings import CURABLE, CURABLE_PACKED, LAST, first_lines, large_workshop, smart, without_last_line

PROJECT = Path(project.PROJECT)
IMAGEGEN = os.environ.get("IMAGEGEN", str(PROJECT / "target/debug/imagegen"))
FIXTURES = PROJECT / "tests/fixtures"


def printed(workshop: Path, *role: str) -> bytes:
    """What the real program prints."""
    with tempfile.NamedTemporaryFile(suffix=".yaml") as secrets:
        secrets.write((FIXTURES / "workshop.secrets.yaml").read_bytes())
        secrets.flush()
        command = [IMAGEGEN, *role, "--workshop", str(workshop), "--secrets", secrets.name]
        return subprocess.run(command, check=True, capture_output=True).stdout


def load() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Plain texts and compressed ones, by workshop and role."""
    roles = {"hub": ["hub"], "node": ["node", "--hub-ip", "10.0.0.5"]}
    plain, packed = {}, {}
    for workshop in sorted((FIXTURES / "workshops").glob("*.yaml")):
        for name, role in roles.items():
            plain[f"{workshop.stem} {name}"] = printed(workshop, *role)
    with tempfile.TemporaryDirectory() as folder:
        workshop = Path(folder, "large.yaml")
        workshop.write_text(large_workshop())
        for name, role in roles.items():
            packed[f"large {name}"] = printed(workshop, *role)
    return plain, packed


PLAIN, PACKED = load()
STOCK = printed(FIXTURES / "workshops/usual.yaml", "node", "--hub-ip", "10.0.0.5", "--stock")


# What a machine must refuse, with words of the sentence that it says.
SPOILED = {
    "nothing": (lambda _: b"", "got no user-data"),
    "blank": (lambda _: b" \n\t\n", "got no user-data"),
    "a mark alone": (lambda _: b"\xff\xfe", "got no user-data"),
    "no last line": (without_last_line, "is cut off"),
    "half": (lambda raw: raw[: len(raw) // 2], "is cut off"),
    "half in UTF-16": (lambda raw: raw.decode().encode("utf-16")[: len(raw) + 1], "is cut off"),
    "half of base64": (lambda raw: base64.encodebytes(raw)[: len(raw) // 2], "is cut off"),
    "half of gzip": (lambda raw: gzip.compress(raw)[: len(gzip.compress(raw)) // 2], "is cut off"),
    "the beginning of gzip": (lambda raw: gzip.compress(raw)[:9], "is cut off"),
    "no first three lines": (first_lines(3), "lacks its first lines"),
    "another text below": (lambda raw: raw + PLAIN["usual hub"].replace(b"training", b"other"), "two different texts"),
    "programs": (lambda _: STOCK, "was printed with `--stock`"),
    "programs, cut": (lambda _: STOCK[:9000], "was printed with `--stock`"),
    "programs, spoiled": (lambda _: STOCK.decode().replace(" ", "\xa0").encode(), "was printed with `--stock`"),
    "invalid": (lambda raw: raw.replace(b"write_files:", b"write_files", 1), "is not valid YAML, in line"),
    "a quote is missing": (lambda raw: raw.replace(b'"role"', b'role"'), "settings.json that cannot be read"),
    "files are missing": (
        lambda raw: re.sub(rb"- path: /etc/docker.*?(?=- path)", b"", raw, flags=re.DOTALL),
        "has only",
    ),
    "changed and with typographic quotes": (
        lambda raw: smart(raw.decode().replace("training", "other").replace("/etc", "/usr")).encode(),
        "has typographic quotes",
    ),
}
OTHERS = {
    "a script": (b"#!/bin/sh\necho hello\n", "is a script"),
    "a script with the text in it": (b"#!/bin/sh\ncat <<END\n" + PLAIN["usual hub"] + b"END\n", "is a script"),
    "a script with a cut text in it": (b"#!/bin/sh\ncat <<END\n" + PLAIN["usual hub"][:999], "is a script"),
    "another's cloud-config": (b"#cloud-config\npackages: [nginx]\n", "is a cloud-config that imagegen did not print"),
    "a workshop file": ((FIXTURES / "workshops/people.yaml").read_bytes(), "is a workshop file"),
    "the usual workshop file": ((PROJECT / "src/workshop/example.yaml").read_bytes(), "is a workshop file"),
    "secrets": ((FIXTURES / "workshop.secrets.yaml").read_bytes(), "is the file with the workshop's secrets"),
    "addresses": (b"#include\nhttps://example.org/hub\n", "is a list of addresses"),
    "MIME": (
        b"Content-Type: text/plain\nMIME-Version: 1.0\n\nhello\n",
        "is a MIME message",
    ),
    "a key": (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada\n", "is an SSH key"),
    "a web page": (b"<!DOCTYPE html>\n<title>Log in</title>\n", "is a web page"),
    "words": (b"imagegen hub\n", "is nothing that imagegen printed"),
    "bytes": (random.Random(2).randbytes(3000), "is nothing that imagegen printed"),
    "several parts": (
        b"Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n--x\n\n"
        + PLAIN["usual hub"]
        + b"--x\n\n#!/bin/sh\n--x--\n",
        "of several parts",
    ),
    "a template": (b"## template: jinja\n" + PLAIN["usual node"], "is a template"),
}


class Spoiling(unittest.TestCase):
    def test_what_was_printed_is_sound(self) -> None:
        self.assertGreaterEqual(len(PLAIN), 18)
        for name, raw in PLAIN.items():
            with self.subTest(name):
                self.assertEqual(judge(raw), Taken(raw.decode()))

    def test_what_can_be_understood_safely_is_the_text_to_the_byte(self) -> None:
        for name, raw in PLAIN.items():
            for spoiling, spoil in CURABLE.items():
                with self.subTest(spoiling, text=name):
                    verdict = judge(spoil(raw))
                    self.expect_text(verdict, raw)

    def test_compressed_texts_are_understood_as_well(self) -> None:
        for name, raw in PACKED.items():
            self.assertTrue(raw.startswith(b"Content-Type: application/gzip"), name)
            for spoiling, spoil in CURABLE_PACKED.items():
                with self.subTest(spoiling, text=name):
                    verdict = judge(spoil(raw))
                    self.assertIsInstance(verdict, Taken)
                    self.assertTrue(verdict.text.startswith("#cloud-config\n"))
                    content.expect_whole(content.config(verdict.text))
            for size in range(1, len(raw) - 20, 331):
                with self.subTest("cut", text=name, size=size):
                    self.assertIsInstance(judge(raw[:size]), Spoiled)

    def test_two_things_that_happened_at_once_are_undone_or_refused(self) -> None:
        source = random.Random(3)
        undone = 0
        for _ in range(200):
            raw = source.choice([*PLAIN.values()])
            first, second = source.sample([*CURABLE.values()], 2)
            try:
                spoiled = second(first(raw))
            except UnicodeError:
                continue
            verdict = judge(spoiled)
            if not isinstance(verdict, Spoiled):
                self.expect_text(verdict, raw)
                undone += 1
        self.assertGreater(undone, 120)

    def test_a_text_that_is_cut_anywhere_is_refused(self) -> None:
        for name, raw in PLAIN.items():
            end = len(raw.rstrip())
            for size in [*range(1, end, 211), *range(end - 56, end, 3)]:
                with self.subTest(text=name, size=size):
                    self.assertIsInstance(judge(raw[:size]), Spoiled)
            for size in range(200, end, 211):
                with self.subTest(text=name, without=size):
                    self.assertIsInstance(judge(raw[size:]), Spoiled)

    def test_what_cannot_be_understood_is_told(self) -> None:
        for name, raw in PLAIN.items():
            for spoiling, (spoil, words) in SPOILED.items():
                with self.subTest(spoiling, text=name):
                    verdict = judge(spoil(raw), "hub")
                    self.assertIsInstance(verdict, Spoiled)
                    self.expect_sentence(verdict.sentence, words)

    def test_what_is_not_ours_is_told(self) -> None:
        for paste, (raw, words) in OTHERS.items():
            with self.subTest(paste):
                verdict = judge(raw, "node")
                self.assertIsInstance(verdict, Spoiled)
                self.expect_sentence(verdict.sentence, words)

    def expect_text(self, verdict: object, raw: bytes) -> None:
        """The text that was printed, without its secrets in a failing test's log."""
        self.assertIsInstance(verdict, Taken)
        self.assertTrue(verdict.text == raw.decode(), "it is another text")
        if verdict.sentence:
            self.assertRegex(verdict.sentence, r"\AThe user-data arrived with [ -~]+; this was repaired\.\Z")

    def expect_sentence(self, sentence: str, words: str) -> None:
        """One sentence of plain ASCII, with what there is and what to do."""
        self.assertIn(words, sentence)
        self.assertRegex(sentence, r"\A[A-Za-z][ -~]{60,330}\.\Z")
        self.assertIn("launch it again with", sentence)
        self.assertNotIn(". ", sentence)

    def test_what_somebody_has_changed_is_taken_where_all_of_it_is_there(self) -> None:
        def edit(raw: bytes) -> bytes:
            return raw.replace(b"max-size", b"max-sizes")

        for name, raw in PLAIN.items():
            for spoil in (
                edit,
                lambda raw: edit(raw).replace(b"\n", b"\r\n"),
                lambda raw: edit(raw).decode().replace(" ", "\xa0").encode(),
                lambda raw: edit(raw).decode().encode("utf-16"),
                lambda raw: b"$ imagegen hub\n" + edit(raw),
                lambda raw: b"\n".join(line.expandtabs() for line in edit(raw).split(b"\n")),
            ):
                with self.subTest(text=name):
                    verdict = judge(spoil(raw))
                    self.assertIsInstance(verdict, Taken)
                    self.assertEqual(verdict.sentence, sentences.CHANGED)
                    self.assertEqual(verdict.text, edit(raw).decode())

    def test_what_somebody_has_added_stays(self) -> None:
        added = b"mounts: [[x]]\n"
        for name, raw in PLAIN.items():
            for spoiled in (
                raw + added,
                raw.replace(b"#cloud-config\n", b"#cloud-config\n" + added, 1),
                b"# mine\n" + raw + added,
                raw.replace(b"max-size", b"max-sizes") + added,
            ):
                with self.subTest(text=name):
                    verdict = judge(spoiled)
                    self.assertIsInstance(verdict, Taken)
                    self.assertEqual(verdict.sentence, sentences.CHANGED)
                    found = content.config(verdict.text)
                    self.assertEqual(found["mounts"], [["x"]])
                    content.expect_whole(found, len(content.config(raw.decode())["write_files"]))

    def test_no_change_of_one_byte_or_line_passes_for_what_was_printed(self) -> None:
        source = random.Random(4)
        for raw in PLAIN.values():
            head = raw.index(b"\n") + 1
            for _ in range(8):
                at = source.randrange(head, raw.index(LAST))
                byte = source.choice(b"aZ09:-#\"' \t\n")
                self.expect_same_or_changed(raw[:at] + bytes([byte]) + raw[at + 1 :], raw)
                lines = raw.split(b"\n")
                del lines[source.randrange(2, len(lines) - 2)]
                self.expect_same_or_changed(b"\n".join(lines), raw)

    def expect_same_or_changed(self, changed: bytes, raw: bytes) -> None:
        """What was printed, or the sentence that it is something else, or a refusal."""
        verdict = judge(changed)
        if isinstance(verdict, Taken) and verdict.sentence != sentences.CHANGED:
            self.expect_text(verdict, raw)

    def test_nothing_makes_it_stumble(self) -> None:
        source = random.Random(5)
        for _ in range(100):
            raw = bytearray(source.choice([*PLAIN.values(), *PACKED.values()]))
            for _ in range(source.randrange(1, 40)):
                raw[source.randrange(len(raw))] = source.randrange(256)
            judge(bytes(raw))
            judge(source.randbytes(source.randrange(400)))
        for raw in (
            b"[" * 60000,
            b"\x1f\x8b",
            b"\0",
            b"a: &a [*a]",
            b"!!python/object:x {}",
            b"AAAA" * 9000,
            b"{" * 50000,
        ):
            self.assertIsInstance(judge(raw), Spoiled)


if __name__ == "__main__":
    unittest.main()
