"""What a machine does before Docker and autofs start."""

import json
import os
import subprocess
import tempfile
import unittest

import project
from imagegen import carried_images, docker_options, firewall, identity, local_homes

NODE = {"role": "node", "hub": "10.0.0.5"}
HUB = {"role": "hub"}
IN_A_NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount", "--net"]


class DockerOptions(project.Folder):
    def test_dockers_data_are_where_the_options_say(self):
        self.assertEqual(docker_options.data_root(self.write("a.json", "{}")), "/var/lib/docker")
        self.assertEqual(docker_options.data_root(self.write("b.json", '{"data-root": "/srv/docker"}')), "/srv/docker")

    def test_the_smallest_mtu_of_real_links_counts(self):
        for name, mtu, device in (("ens3", 1450, True), ("ens4", 8950, True), ("docker0", 1400, False)):
            self.write(f"net/{name}/mtu", f"{mtu}\n")
            if device:
                self.write(f"net/{name}/device/uevent")
        self.assertEqual(docker_options.smallest_mtu(f"{self.root}/net"), 1450)
        self.assertIsNone(docker_options.smallest_mtu(f"{self.root}/nothing"))

    def test_dockers_bridges_take_what_the_machines_links_take(self):
        network = {"com.docker.network.driver.mtu": "1500"}
        options = {"mtu": 1500, "default-network-opts": {"bridge": network}, "log-opts": {"max-size": "10m"}}
        path = self.write("daemon.json", json.dumps(options, indent=2))
        docker_options.fit_mtu(None, path)
        self.assertEqual(json.loads(self.read("daemon.json")), options)
        docker_options.fit_mtu(1450, path)
        self.assertEqual(json.loads(self.read("daemon.json")), {**options, "mtu": 1450})


class Identity(project.Folder):
    """Docker's data on a disk that may have been another instance's."""

    def setUp(self):
        super().setUp()
        self.said = []
        project.replace(self, identity, say=self.said.append)
        for name in ("swarm/state.json", "engine-id", "image/repositories.json"):
            self.write(f"docker/{name}", "of the first instance")

    def renew(self, instance):
        path = self.write("instance-id", f"{instance}\n")
        identity.renew(f"{self.root}/docker", path, f"{self.root}/lib/instance-id")

    def left(self):
        return sorted(os.listdir(f"{self.root}/docker"))

    def test_the_first_boot_and_a_reboot_change_nothing(self):
        self.renew("i-1")
        self.renew("i-1")
        self.assertEqual(self.left(), ["engine-id", "image", "swarm"])
        self.assertEqual(self.said, [])

    def test_a_copy_of_another_instance_loses_its_identity_once_and_keeps_its_images(self):
        self.renew("i-1")
        self.renew("i-2")
        self.assertEqual(self.left(), ["image"])
        self.assertEqual(len(self.said), 1)
        self.write("docker/engine-id", "of the second instance")
        self.renew("i-2")
        self.assertEqual(self.left(), ["engine-id", "image"])
        self.assertEqual(len(self.said), 1)


class CarriedImages(project.Folder):
    def setUp(self):
        super().setUp()
        project.replace(self, carried_images, say=lambda _: None)
        self.usual, self.other = f"{self.root}/docker", f"{self.root}/srv/docker"

    def carry(self):
        self.write("docker/overlay2/layer/diff/a", "content")
        os.link(f"{self.usual}/overlay2/layer/diff/a", f"{self.usual}/overlay2/layer/diff/b")
        self.write("docker/image/overlay2/repositories.json", "{}")
        self.write("docker/engine-id", "id")

    def test_they_move_with_their_hard_links_once(self):
        self.carry()
        carried_images.move(self.other, self.usual)
        self.assertEqual(sorted(os.listdir(self.other)), ["image", "overlay2"])
        self.assertEqual(os.listdir(self.usual), ["engine-id"])
        diff = f"{self.other}/overlay2/layer/diff"
        self.assertEqual(os.stat(f"{diff}/a").st_ino, os.stat(f"{diff}/b").st_ino)
        carried_images.move(self.other, self.usual)
        self.assertEqual(sorted(os.listdir(self.other)), ["image", "overlay2"])

    def test_a_move_that_was_cut_off_begins_again(self):
        self.carry()
        self.write("srv/docker/imagegen-unfinished/overlay2/layer/half")
        self.write("srv/docker/overlay2/layer/half")
        carried_images.move(self.other, self.usual)
        self.assertEqual(os.listdir(f"{self.other}/overlay2/layer"), ["diff"])
        self.assertEqual(sorted(os.listdir(self.other)), ["image", "overlay2"])

    def test_images_in_the_usual_folder_stay(self):
        self.carry()
        carried_images.move(self.usual, self.usual)
        self.assertEqual(sorted(os.listdir(self.usual)), ["engine-id", "image", "overlay2"])

    def test_a_machine_that_carries_none_has_nothing_to_move(self):
        carried_images.move(self.other, self.usual)
        self.assertFalse(os.path.exists(self.other))

    def test_images_that_the_other_folder_has_are_kept(self):
        self.carry()
        self.write("srv/docker/image/overlay2/repositories.json", "{}")
        carried_images.move(self.other, self.usual)
        self.assertEqual(sorted(os.listdir(self.usual)), ["engine-id", "image", "overlay2"])


class LocalHomes(project.Folder):
    def test_each_home_has_a_line_and_nothing_else_has(self):
        for name in ("debian", "ubuntu"):
            os.mkdir(f"{self.root}/{name}")
        self.write("file")
        os.symlink("debian", f"{self.root}/link")
        lines = [f"{name} -fstype=bind :{self.root}/{name}" for name in ("debian", "ubuntu")]
        self.assertEqual(local_homes.map_lines(self.root).splitlines(), lines)

    def test_the_kernel_keeps_the_homes_aside(self):
        """In a mount namespace of its own, with this test's folder as `/home`."""
        os.makedirs(f"{self.root}/home/debian")
        program = (
            "import subprocess, sys; from imagegen import local_homes\n"
            f"subprocess.run(['mount', '--bind', '{self.root}/home', '/home'], check=True)\n"
            f"for _ in range(2): local_homes.keep('{self.root}/kept', '{self.root}/map')\n"
            f"subprocess.run(['mount', '-t', 'tmpfs', 'students', '/home'], check=True)\n"
            f"print(subprocess.run(['ls', '{self.root}/kept'], capture_output=True, text=True).stdout, end='')\n"
            f"print(open('/proc/self/mounts').read().count('{self.root}/kept'))\n"
        )
        command = [*IN_A_NAMESPACE, "/usr/bin/python3", "-B", "-c", program]
        environment = {**os.environ, "PYTHONPATH": project.LIBRARY}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        self.assertEqual(done.stdout.split(), ["debian", "1"], done.stderr)
        self.assertEqual(self.read("map"), f"debian -fstype=bind :{self.root}/kept/debian\n")


class Firewall(unittest.TestCase):
    """What nft(8) itself takes, and what a packet meets first."""

    def test_the_kernel_takes_the_rules_of_every_machine(self):
        more = {"network": "10.0.0.0/24", "reachable": ["192.168.5.0/24", "172.16.0.9/32"]}
        for config in (HUB, NODE, {**HUB, **more}, {**NODE, **more}):
            nft = ["unshare", "--user", "--map-root-user", "--net", "nft", "--check", "--file", "-"]
            done = subprocess.run(nft, input=firewall.rules(config), capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), config)

    def test_a_second_start_replaces_the_rules(self):
        text = firewall.rules(NODE)
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/rules"
            with open(path, "w") as file:
                file.write(text)
            load = f"nft -f {path} && nft -f {path} && nft list table inet imagegen"
            command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", load]
            done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.count("8081 accept"), 1, done.stdout)

    def order(self, config, *wanted):
        text = firewall.rules(config)
        places = [text.find(each) for each in wanted]
        self.assertNotIn(-1, places, text)
        self.assertEqual(places, sorted(places), text)

    def test_containers_reach_the_hubs_api_before_anything_private_is_refused(self):
        refused = "ip daddr { 0.0.0.0/8"
        self.order(NODE, "ip daddr 10.0.0.5 tcp dport 8081 accept", "fib daddr type { local", refused)
        self.order(HUB, "fib daddr type local tcp dport 8081 accept", "fib daddr type { local", refused)

    def test_what_the_organiser_opens_comes_before_the_refusals(self):
        config = {**NODE, "reachable": ["192.168.5.0/24"]}
        self.order(config, "ip daddr { 192.168.5.0/24 } accept", "fib daddr type { local", "192.168.0.0/16")

    def test_a_public_network_of_the_workshops_own_is_refused_too(self):
        self.order({**NODE, "network": "203.0.113.0/24"}, "203.0.113.0/24 reject", "ip6 daddr")

    def test_a_machine_says_nothing_about_what_the_workshop_does_not_name(self):
        self.assertNotIn("203.0.113", firewall.rules(NODE))
        self.assertEqual(firewall.rules(NODE).count("accept"), 4)


if __name__ == "__main__":
    unittest.main()
