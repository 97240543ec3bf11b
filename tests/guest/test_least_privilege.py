"""Which secrets, groups and folders the hub's services get, by their units."""

import glob
import os
import stat
import tempfile
import unittest

import project
from imagegen.hub import setup

UNITS = [
    path
    for image in ("base", "hub")
    for path in glob.glob(os.path.join(project.PROJECT, f"images/{image}/etc/systemd/system/*.service"))
]


def lines(path, key):
    """What a unit says under a key."""
    with open(path) as file:
        return [line.partition("=")[2].strip() for line in file if line.startswith(f"{key}=")]


class Units(unittest.TestCase):
    def told(self, *keys):
        """Of each unit the files of ours that systemd shows it by these keys."""
        found = {}
        for path in UNITS:
            values = [value.partition(":")[2] or value for key in keys for value in lines(path, key)]
            if values := {value for value in values if "/imagegen/" in value and "/run/imagegen/docker" not in value}:
                found[os.path.basename(path)] = values
        return found

    def test_each_token_reaches_who_shows_it_and_jupyterhub_which_checks_it(self):
        tokens = {name: f"{setup.TOKENS}/{name}.env" for name in setup.TOKEN_NAMES}
        self.assertEqual(
            self.told("EnvironmentFile"),
            {
                "imagegen-proxy.service": {tokens["proxy"]},
                "imagegen-culler.service": {tokens["culler"]},
                "jupyterhub.service": set(tokens.values()),
            },
        )

    def test_the_key_that_nodes_join_with_reaches_the_rendezvous_alone(self):
        credentials = self.told("LoadCredential")
        whole = {unit for unit, files in credentials.items() if "/etc/imagegen/settings.json" in files}
        self.assertEqual(whole, {"imagegen-rendezvous.service"})
        for unit in ("jupyterhub", "imagegen-broker", "imagegen-culler"):
            self.assertEqual(credentials[f"{unit}.service"], {setup.SETTINGS})

    def test_nobody_but_the_broker_is_in_the_group_of_docker(self):
        groups = {os.path.basename(path): lines(path, "SupplementaryGroups") for path in UNITS}
        self.assertEqual(
            [unit for unit, of_it in groups.items() if "docker" in " ".join(of_it)], ["imagegen-broker.service"]
        )
        with open(os.path.join(project.PROJECT, "images/scripts/hub-accounts.sh")) as file:
            self.assertNotIn("docker", file.read())

    def test_python_looks_for_its_modules_neither_where_it_runs_nor_at_a_users_home(self):
        commands = [command for path in UNITS for command in lines(path, "ExecStart") if "python3" in command]
        self.assertGreater(len(commands), 10)
        for command in commands:
            self.assertEqual(command.split()[1], "-I", command)

    def test_no_service_works_where_it_may_write(self):
        for path in UNITS:
            for folder in lines(path, "WorkingDirectory"):
                self.assertEqual(folder, "/", path)


class Secrets(unittest.TestCase):
    def test_tokens_are_made_once_for_root_alone(self):
        project.replace(self, setup, announce=lambda _: None)
        with tempfile.TemporaryDirectory() as folder:
            tokens = os.path.join(folder, "tokens")
            setup.make_tokens(tokens)
            self.assertEqual(stat.S_IMODE(os.stat(tokens).st_mode), 0o700)
            made = {}
            for name in os.listdir(tokens):
                self.assertEqual(stat.S_IMODE(os.stat(os.path.join(tokens, name)).st_mode), 0o600)
                with open(os.path.join(tokens, name)) as file:
                    made[name] = file.read()
            self.assertEqual(set(made), {"proxy.env", "culler.env", "metrics.env"})
            self.assertRegex(made["culler.env"], r"\AJUPYTERHUB_API_TOKEN=[0-9a-f]{64}\n\Z")
            os.remove(os.path.join(tokens, "proxy.env"))
            setup.make_tokens(tokens)
            with open(os.path.join(tokens, "culler.env")) as file:
                self.assertEqual(file.read(), made["culler.env"])
            self.assertTrue(os.path.exists(os.path.join(tokens, "proxy.env")))

    def test_jupyterhubs_settings_have_no_secrets(self):
        config = {
            "role": "hub",
            "join_key": "secret",
            "page": {"admins": ["ada"], "materials": [{"url": "https://x:secret@example.org"}]},
        }
        self.assertEqual(setup.without_secrets(config), {"role": "hub", "page": {"admins": ["ada"]}})


if __name__ == "__main__":
    unittest.main()
