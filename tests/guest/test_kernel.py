"""What the kernel of an instance does for whom. `.ci/docker-guards` tries the system calls on a real dockerd."""

import json
import os
import re
import tempfile
import unittest

import project
from imagegen import docker_options, seccomp

BASE = os.path.join(project.PROJECT, "images/base")
# Homes, Docker's networks and layers, config drives, EFI, encrypted NFS, quotas, volumes that organisers bring.
NEEDED = """
    autofs4 br_netfilter bridge btrfs configfs dns_resolver ext4 fat fuse inet_diag ip_tables ip_vs iptable_nat isofs
    lockd loop nf_conntrack nf_nat nf_tables nfnetlink nfs nfsd nfsv4 nft_compat overlay quota_tree quota_v2
    rpcsec_gss_krb5 squashfs sunrpc tcp_diag tls tun udp_diag unix_diag veth vfat virtio_net
    vmw_vsock_virtio_transport vxlan wireguard x_tables xfrm_user xfs xt_addrtype xt_conntrack xt_MASQUERADE
"""
UNNEEDED = """
    af_alg algif_aead algif_hash algif_rng algif_skcipher rds tipc sctp dccp ax25 netrom rose x25 can atm appletalk
    ipx firewire-core smc kcm af_key l2tp_ip mpls_router
"""


class Modules(unittest.TestCase):
    def test_those_that_nothing_needs_are_not_loaded_for_whoever_asks(self):
        with open(f"{BASE}/etc/modprobe.d/imagegen.conf") as file:
            lines = [line.split() for line in file if not line.startswith("#")]
        names = [name for _, name, _ in lines]
        self.assertEqual({(install, instead) for install, _, instead in lines}, {("install", "/bin/false")})
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(UNNEEDED.split()) - set(names), set())
        # modprobe takes a dash for an underscore.
        plain = {name.replace("-", "_") for name in names}
        self.assertEqual(plain & set(NEEDED.split()), set())


class Sysctl(unittest.TestCase):
    def test_each_setting_has_a_name_that_kernels_know(self):
        with open(f"{BASE}/etc/sysctl.d/90-imagegen.conf") as file:
            lines = [line.strip() for line in file if not line.startswith("#")]
        settings = dict(re.fullmatch(r"(-?[a-z0-9_.]+) = (.+)", line).groups() for line in lines)
        self.assertEqual(len(settings), len(lines))
        self.assertEqual(settings["kernel.yama.ptrace_scope"], "1")
        self.assertEqual(settings["-kernel.unprivileged_userns_clone"], "0")


class SystemCalls(unittest.TestCase):
    def chosen(self, options):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/daemon.json"
            with open(path, "w") as file:
                json.dump(options, file, indent=2)
            seccomp.choose(path)
            docker_options.fit_mtu(1400, path)
            with open(path) as file:
                return json.load(file)

    def test_the_images_profile_is_dockers_unless_the_workshop_names_one(self):
        chosen = {"mtu": 1400, "log-driver": "local", "seccomp-profile": "/usr/lib/imagegen/seccomp.json"}
        for options in ({}, {"seccomp-profile": ""}):
            self.assertEqual(self.chosen({"mtu": 1500, "log-driver": "local", **options}), chosen)
        for own in ("builtin", "unconfined", "/etc/docker/calls.json"):
            self.assertEqual(self.chosen({"seccomp-profile": own})["seccomp-profile"], own)

    def test_the_profile_is_where_docker_is_told(self):
        self.assertTrue(os.path.exists(f"{BASE}{seccomp.PROFILE}"))

    def test_it_lets_containers_ask_for_few_kinds_of_sockets(self):
        with open(f"{BASE}{seccomp.PROFILE}") as file:
            profile = json.load(file)
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ERRNO")
        native = next(each for each in profile["archMap"] if each["architecture"] == "SCMP_ARCH_X86_64")
        self.assertIsNone(native["subArchitectures"])
        rules = [rule for rule in profile["syscalls"] if "socket" in rule["names"]]
        families = {rule["args"][0]["value"] for rule in rules}
        self.assertEqual(families, {1, 2, 10, 16})
        for rule in rules:
            self.assertEqual({each["op"] for each in rule["args"]}, {"SCMP_CMP_EQ"})
        everywhere = {name for rule in profile["syscalls"] for name in rule["names"] if not rule.get("args")}
        self.assertEqual(everywhere & {"socket", "socketpair", "socketcall"}, set())


if __name__ == "__main__":
    unittest.main()
