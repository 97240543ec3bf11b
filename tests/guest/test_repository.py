"""Materials in git repositories, by real git, with repositories in files and on a plain web server."""

import functools
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import unittest
from unittest import mock

import project  # noqa: F401  (sets the path)
from imagegen.hub import repository
from imagegen.hub.source import Source

# Servers hand out submodules by https; here they are in files, which git takes only where it is told so.
SETTINGS = {
    "protocol.file.allow": "always",
    "user.name": "Ada",
    "user.email": "ada@example.org",
    "init.defaultBranch": "main",
}
ENVIRONMENT = {
    "GIT_CONFIG_COUNT": str(len(SETTINGS)),
    **{f"GIT_CONFIG_KEY_{number}": name for number, name in enumerate(SETTINGS)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(SETTINGS.values())},
}
LFS_TROUBLE = """Downloading model.bin (100 KB)
Error downloading object: model.bin (38313ae): Smudge error: [0] remote missing object 38313aef

Errors logged to '/tmp/out/.git/lfs/logs/20261128T125940.43708518.log'.
error: external filter 'git-lfs filter-process' failed
fatal: model.bin: smudge filter lfs failed
warning: Clone succeeded, but checkout failed."""


class Clone(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        environment = mock.patch.dict(os.environ, ENVIRONMENT)
        environment.start()
        self.addCleanup(environment.stop)
        self.commit("part", {"text": "first"})
        self.commit("part", {"text": "second"})

    def git(self, name, *words):
        command = ["git", "-C", f"{self.folder}/{name}", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, name, files):
        if not os.path.isdir(f"{self.folder}/{name}"):
            os.makedirs(f"{self.folder}/{name}")
            self.git(name, "init", "--quiet")
        for path, text in files.items():
            with open(f"{self.folder}/{name}/{path}", "w") as file:
                file.write(text)
        self.git(name, "add", ".")
        self.git(name, "commit", "--quiet", "--message", "more")

    def course(self, url=None):
        """A course with the first version of the part as a submodule, which is said to be at a URL."""
        self.commit("course", {"lesson": "one"})
        self.git("course", "submodule", "--quiet", "add", f"file://{self.folder}/part", "inner/part")
        self.git("course/inner/part", "checkout", "--quiet", "HEAD~1")
        if url:
            self.git("course", "config", "-f", ".gitmodules", "submodule.inner/part.url", url)
        self.commit("course", {})

    def clone(self, url=None, ref=None):
        target = f"{self.folder}/target"
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target)
        repository.clone(Source.of(url or f"file://{self.folder}/course"), ref, target)
        return target

    def trouble(self, **options):
        with self.assertRaises(OSError) as raised:
            self.clone(**options)
        self.assertEqual(os.listdir(f"{self.folder}/target"), [])
        return str(raised.exception)

    def read(self, path):
        with open(path) as file:
            return file.read()

    def test_submodules_come_as_the_commit_that_is_named(self):
        self.course()
        target = self.clone()
        self.assertEqual(self.read(f"{target}/inner/part/text"), "first")
        self.assertEqual(self.git("target", "rev-list", "--count", "HEAD"), "1")
        os.rename(target, f"{self.folder}/moved")
        self.assertEqual(self.git("moved/inner/part", "status", "--porcelain"), "")

    def test_a_submodule_that_is_not_there_is_named(self):
        self.course(f"file://{self.folder}/nothing")
        said = self.trouble()
        self.assertIn(f"its submodule inner/part at file://{self.folder}/nothing cannot be fetched: fatal: ", said)
        self.assertEqual(len(said.splitlines()), 1)

    def test_a_submodule_by_ssh_is_told_with_the_remedy(self):
        for url in ("git@localhost:course/part.git", "ssh://git@localhost:1/part.git"):
            with mock.patch.dict(os.environ, {"GIT_SSH_COMMAND": "false"}):
                self.setUp()
                self.course(url)
                self.assertIn(f"its submodule inner/part is at {url}, for which the hub has no SSH key", self.trouble())

    def test_a_submodule_in_a_file_is_refused_by_git_and_told(self):
        self.course()
        with mock.patch.dict(os.environ, {"GIT_CONFIG_VALUE_0": "user"}):
            self.assertIn("transport 'file' not allowed", self.trouble())

    def test_a_repository_that_is_not_there_is_told_in_gits_first_words(self):
        self.assertIn("does not appear to be a git repository", self.trouble(url=f"file://{self.folder}/nothing"))
        self.commit("course", {"lesson": "one"})
        self.assertIn("Remote branch v9 not found", self.trouble(ref="v9"))

    def test_a_web_server_that_only_has_files_hands_out_the_whole_history(self):
        self.commit("course", {"lesson": "one"})
        self.commit("course", {"lesson": "two"})
        self.git("course", "update-server-info")
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=f"{self.folder}/course")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with mock.patch.object(http.server.SimpleHTTPRequestHandler, "log_message"):
            threading.Thread(target=server.serve_forever, daemon=True).start()
            target = self.clone(f"http://127.0.0.1:{server.server_address[1]}/.git")
        self.assertEqual(self.read(f"{target}/lesson"), "two")

    @unittest.skipUnless(shutil.which("git-lfs"), "needs git-lfs")
    def test_files_of_git_lfs_come_whole_or_are_named(self):
        # Its package puts this into /etc/gitconfig.
        with open(f"{self.folder}/config", "w") as file:
            file.write(
                '[filter "lfs"]\nprocess = git-lfs filter-process\nrequired = true\nclean = git-lfs clean -- %f\n'
            )
        with mock.patch.dict(os.environ, {"GIT_CONFIG_SYSTEM": f"{self.folder}/config"}):
            self.commit("course", {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"})
            self.commit("course", {"model.bin": "weights"})
            self.assertIn("oid sha256:", self.git("course", "show", "HEAD:model.bin"))
            self.assertEqual(self.read(f"{self.clone()}/model.bin"), "weights")
            shutil.rmtree(f"{self.folder}/course/.git/lfs")
            self.assertIn("its file model.bin is kept by Git LFS and cannot be fetched: ", self.trouble())

    def test_gits_words_on_a_file_of_git_lfs_become_a_sentence(self):
        self.assertEqual(
            repository.explain(LFS_TROUBLE, "/tmp/out"),
            "its file model.bin is kept by Git LFS and cannot be fetched: Error downloading object: "
            "model.bin (38313ae): Smudge error: [0] remote missing object 38313aef",
        )


if __name__ == "__main__":
    unittest.main()
