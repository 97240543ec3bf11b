//! The faults that images can have, each with the checks that must find it.

use std::sync::OnceLock;

use super::sample::{BIOS_BOOT, ESP, ROOT, Sample, put, qemu_img};

/// A fault, and the checks that find it.
pub(super) struct Fault {
    pub(super) name: &'static str,
    pub(super) checks: &'static [&'static str],
    make: fn() -> Vec<u8>,
}

impl Fault {
    pub(super) fn image(&self) -> Vec<u8> {
        (self.make)()
    }
}

/// A disk without code in its first sector and without some of its partitions.
fn without_boot_code(partitions: std::ops::Range<usize>) -> Vec<u8> {
    let mut image = sample(|sample| drop(sample.partitions.drain(partitions)));
    image[..440].fill(0);
    image
}

const MIB: u64 = 1 << 20;

fn sample(change: impl FnOnce(&mut Sample)) -> Vec<u8> {
    let mut sample = Sample::new();
    change(&mut sample);
    sample.image()
}

fn bytes(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut image = sound().clone();
    change(&mut image);
    image
}

/// A disk with nothing wrong, made once.
pub(super) fn sound() -> &'static Vec<u8> {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    SOUND.get_or_init(|| Sample::new().image())
}

/// A qcow2 of a sound disk, changed by qemu-img and then byte by byte.
fn qcow2(options: &str, more: &[&[&str]], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("disk.raw"), sound()).unwrap();
    qemu_img(folder, &["convert", "-O", "qcow2", "-o", options, "disk.raw", "disk.qcow2"]);
    for arguments in more {
        qemu_img(folder, arguments);
    }
    let mut image = std::fs::read(folder.join("disk.qcow2")).unwrap();
    change(&mut image);
    image
}

const PLAIN: &str = "compat=1.1";

fn header(place: usize, value: u8) -> Vec<u8> {
    qcow2(PLAIN, &[], |image| image[place] = value)
}

/// An MBR in place of the GPT, with one active partition.
fn mbr(image: &mut [u8]) {
    put(image, 512, &[0; 8]);
    let start = u32::try_from(ROOT * MIB / 512).unwrap().to_le_bytes();
    put(image, 446, &[0x80, 0, 2, 0, 0x83, 0, 0, 0]);
    put(image, 454, &start);
    put(image, 458, &(16384_u32).to_le_bytes());
}

/// Damages the block of the folder that has this name in it.
fn damage_folder_with(image: &mut [u8], name: &str) {
    let name = name.as_bytes();
    let from = usize::try_from(ROOT * MIB).unwrap();
    let place = (from..image.len() - name.len()).rfind(|place| image[*place..].starts_with(name)).unwrap();
    image[place] ^= 0x20;
}

pub(super) fn all() -> Vec<Fault> {
    [files(), disks(), records(), boots(), file_systems(), accounts(), settings(), modes()]
        .into_iter()
        .flatten()
        .collect()
}

fn fault(name: &'static str, checks: &'static [&'static str], make: fn() -> Vec<u8>) -> Fault {
    Fault { name, checks, make }
}

fn files() -> Vec<Fault> {
    vec![
        fault("an empty file", &["format"], Vec::new),
        fault("a VMDK", &["format"], || b"KDMV\x01\0\0\0".to_vec()),
        fault("a LUKS volume", &["format"], || b"LUKS\xba\xbe\0\x02".repeat(200)),
        fault("a compressed image", &["format"], || zstd::encode_all(&sound()[..], 1).unwrap()),
        fault("a qcow2 cut off in its data", &["qcow2-damaged"], || {
            qcow2(PLAIN, &[], |image| image.truncate(image.len() / 2))
        }),
        fault("a qcow2 cut off in its header", &["qcow2-damaged"], || {
            qcow2(PLAIN, &[], |image| image.truncate(60))
        }),
        fault("a qcow2 with a first table outside", &["qcow2-damaged"], || header(41, 0x10)),
        fault("a qcow2 with clusters of 4 GiB", &["qcow2-damaged"], || header(23, 32)),
        fault("a qcow2 of version 4", &["qcow2-version"], || header(7, 4)),
        fault("a layer over another file", &["qcow2-backing-file"], || {
            let layer = ["create", "-f", "qcow2", "-b", "disk.raw", "-F", "raw", "disk.qcow2"];
            qcow2(PLAIN, &[&layer], |_| ())
        }),
        fault("data in another file", &["qcow2-data-file"], || {
            qcow2("data_file=data,data_file_raw=on", &[], |_| ())
        }),
        fault("extended entries", &["qcow2-features"], || qcow2("extended_l2=on", &[], |_| ())),
        fault("encryption", &["qcow2-encrypted"], || header(35, 2)),
        fault("the mark of corruption", &["qcow2-corrupt"], || header(79, 2)),
        fault("not closed", &["qcow2-dirty"], || header(79, 1)),
        fault("a snapshot", &["qcow2-snapshots"], || {
            qcow2(PLAIN, &[&["snapshot", "-c", "before", "disk.qcow2"]], |_| ())
        }),
        fault("half a sector more", &["disk-size"], || bytes(|image| image.extend([0; 100]))),
    ]
}

fn disks() -> Vec<Fault> {
    vec![
        fault("zeros alone", &["partition-table", "root-file-system"], || vec![0; 1 << 20]),
        fault("less than a sector", &["disk-size", "partition-table", "root-file-system"], || vec![1; 100]),
        fault("a bare file system", &["partition-table"], || {
            bytes(|image| drop(image.drain(..usize::try_from(ROOT * MIB).unwrap())))
        }),
        fault("a damaged GPT", &["gpt-primary"], || bytes(|image| image[512 + 40] ^= 1)),
        fault("damaged entries of the GPT", &["gpt-primary"], || bytes(|image| image[1024 + 60] ^= 1)),
        fault("a GPT of 2^32 entries", &["gpt-primary"], || {
            bytes(|image| {
                put(image, 512 + 80, &u32::MAX.to_le_bytes());
                let mut header = image[512..512 + 92].to_vec();
                put(&mut header, 16, &[0; 4]);
                put(image, 512 + 16, &crc32(&header).to_le_bytes());
            })
        }),
        fault("a damaged backup", &["gpt-backup"], || {
            bytes(|image| *image.last_chunk_mut::<512>().unwrap() = [0; 512])
        }),
        fault("a backup of another table", &["gpt-copies"], || {
            let other = sample(|sample| sample.partitions[2].1 = "other");
            bytes(|image| {
                let end = image.len() as u64 - 33 * 512;
                put(image, end, &other[other.len() - 33 * 512..]);
            })
        }),
        fault("a disk that has grown", &["gpt-place"], || bytes(|image| image.extend([0; 4096]))),
        fault("a disk cut off", &["gpt-backup", "partition-bounds"], || {
            bytes(|image| image.truncate(image.len() - (2 << 20)))
        }),
        fault("partitions over each other", &["partition-bounds"], || {
            sample(|sample| sample.partitions[1].4 = ROOT + 1)
        }),
        fault("a partition behind the root", &["root-last"], || {
            sample(|sample| {
                let kind = gpt::partition_types::LINUX_SWAP;
                sample.partitions.push((2, "swap", kind, ROOT + 8, ROOT + 9));
            })
        }),
    ]
}

fn records() -> Vec<Fault> {
    vec![
        fault("a hybrid MBR", &["protective-mbr"], || bytes(|image| image[446 + 16 + 4] = 0x83)),
        fault("a protective MBR from sector 2", &["protective-mbr"], || bytes(|image| image[454] = 2)),
        fault("a protective MBR with other heads", &["protective-mbr"], || bytes(|image| image[448] = 1)),
        fault("no protective MBR", &["protective-mbr"], || bytes(|image| put(image, 446, &[0; 66]))),
        fault("a boot flag that is none", &["bios-only", "boot-flag"], || {
            bytes(|image| {
                mbr(image);
                image[446] = 0x7f;
            })
        }),
        fault("a boot flag that is none in an unused record", &["bios-only", "boot-flag"], || {
            bytes(|image| {
                mbr(image);
                image[462] = 0x7f;
            })
        }),
    ]
}

fn boots() -> Vec<Fault> {
    vec![
        fault("no code in the first sector", &["bios-boot"], || bytes(|image| image[..440].fill(0))),
        fault("no core image", &["bios-boot"], || bytes(|image| put(image, BIOS_BOOT * MIB, &[0; 4096]))),
        fault("a core image elsewhere", &["bios-boot"], || {
            bytes(|image| put(image, 0x5c, &(2049_u64).to_le_bytes()))
        }),
        fault("a core image that goes on elsewhere", &["bios-boot"], || {
            bytes(|image| put(image, BIOS_BOOT * MIB + 0x1f4, &(7_u64).to_le_bytes()))
        }),
        fault("no loader for UEFI", &["uefi-boot"], || sample(|sample| sample.esp.clear())),
        fault("a shim alone", &["uefi-boot"], || sample(|sample| sample.esp.truncate(1))),
        fault("a random seed for UEFI", &["identity"], || {
            sample(|sample| sample.esp.push(("loader/random-seed", "seed")))
        }),
        fault("no FAT for UEFI", &["uefi-boot"], || bytes(|image| put(image, ESP * MIB, &[0; 512]))),
        fault("no boot loader at all", &["boot-loader"], || without_boot_code(0..2)),
        fault("no EFI system partition", &["bios-only"], || {
            sample(|sample| drop(sample.partitions.remove(1)))
        }),
        fault("no BIOS boot partition", &["uefi-only"], || without_boot_code(0..1)),
        fault("no kernel", &["boot-menu", "kernel"], || sample(|sample| sample.remove("boot/vmlinuz-6.12"))),
        fault("a kernel without a byte", &["kernel"], || {
            sample(|sample| sample.write("boot/vmlinuz-6.12", ""))
        }),
        fault("no initrd", &["boot-menu", "initrd"], || {
            sample(|sample| sample.remove("boot/initrd.img-6.12"))
        }),
        fault("no modules", &["modules"], || sample(|sample| sample.remove("lib/modules/6.12"))),
        fault("no menu", &["boot-menu"], || sample(|sample| sample.remove("boot/grub/grub.cfg"))),
        fault("an empty menu", &["boot-menu"], || sample(|sample| sample.write("boot/grub/grub.cfg", ""))),
        fault("a menu for another root", &["boot-menu"], || {
            sample(|sample| {
                let uuid = "11111111-2222-3333-4444-555555555555";
                let menu =
                    format!("linux /vmlinuz root=UUID={uuid} console=ttyS0\ninitrd /boot/initrd.img-6.12\n");
                sample.write("boot/grub/grub.cfg", &menu);
            })
        }),
        fault("no serial console", &["console"], || {
            sample(|sample| {
                sample.write(
                    "boot/grub/grub.cfg",
                    "linux /vmlinuz root=LABEL=root\ninitrd /boot/initrd.img-6.12\n",
                );
            })
        }),
    ]
}

fn file_systems() -> Vec<Fault> {
    vec![
        fault("no file system", &["root-file-system"], || bytes(|image| put(image, ROOT * MIB, &[0; 4096]))),
        fault("an XFS", &["root-file-system"], || {
            bytes(|image| {
                put(image, ROOT * MIB, &[0; 4096]);
                put(image, ROOT * MIB, b"XFSB");
            })
        }),
        fault("a damaged superblock", &["root-file-system"], || {
            bytes(|image| image[usize::try_from(ROOT * MIB).unwrap() + 1024 + 0x78] ^= 1)
        }),
        fault("in use", &["file-system-clean"], || {
            sample(|sample| sample.debugfs.push("ssv state 0".into()))
        }),
        fault("errors", &["file-system-clean"], || {
            sample(|sample| sample.debugfs.push("ssv state 3".into()))
        }),
        fault("a journal with changes", &["file-system-clean", "root-file-system"], || {
            sample(|sample| sample.debugfs.push("feature needs_recovery".into()))
        }),
        fault("a partition that is too small", &["file-system-size"], || {
            sample(|sample| sample.partitions[2].4 -= 1)
        }),
        fault("features that GRUB does not read", &["file-system-features", "root-file-system"], || {
            sample(|sample| sample.mke2fs.extend(["-O", "ea_inode"]))
        }),
        fault("no journal", &["file-system-journal"], || {
            sample(|sample| sample.mke2fs.extend(["-O", "^has_journal"]))
        }),
        fault("a damaged folder", &["file-system-damaged"], || {
            bytes(|image| damage_folder_with(image, "70debconf"))
        }),
    ]
}

fn accounts() -> Vec<Fault> {
    vec![
        fault("no machine-id", &["machine-id"], || sample(|sample| sample.remove("etc/machine-id"))),
        fault("a machine-id", &["machine-id"], || {
            sample(|sample| sample.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n"))
        }),
        fault("an uninitialized machine-id", &["machine-id"], || {
            sample(|sample| sample.write("etc/machine-id", "uninitialized\n"))
        }),
        fault("a private key", &["private-key"], || {
            sample(|sample| {
                let key = ["-----BEGIN ", "PRIVATE KEY-----\n"].concat();
                sample.write("etc/ssl/private/server.key", &key);
            })
        }),
        fault("a password", &["password"], || {
            sample(|sample| sample.write("etc/shadow", "root:$y$j9T$x:1::::::\n"))
        }),
        fault("an account without a password", &["password"], || {
            sample(|sample| sample.write("etc/shadow", "root::1::::::\n"))
        }),
        fault("a password where everybody can read it", &["password"], || {
            sample(|sample| sample.write("etc/passwd", "root:$6$x:0:0::/root:/bin/bash\n"))
        }),
        fault("a second root", &["login-user"], || {
            sample(|sample| {
                sample.write("etc/passwd", "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\n");
            })
        }),
        fault("a login user", &["login-user"], || {
            sample(|sample| sample.write("etc/passwd", "debian:x:1000:1000::/home/debian:/bin/bash\n"))
        }),
    ]
}

fn settings() -> Vec<Fault> {
    vec![
        fault("a package half way", &["package-state"], || {
            sample(|sample| {
                let status = "Package: a\nStatus: install ok half-configured\nArchitecture: all\nVersion: 1\n\n\
                              Package: b\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";
                sample.write("var/lib/dpkg/status", status);
            })
        }),
        fault("no packages", &["packages"], || sample(|sample| sample.remove("var/lib/dpkg/status"))),
        fault("a unit that is not there", &["unit"], || {
            sample(|sample| sample.remove("usr/lib/systemd/system/docker.service"))
        }),
        fault("no cloud-init", &["cloud-init"], || sample(|sample| sample.remove("usr/bin/cloud-init"))),
        fault("no sources", &["cloud-init-sources"], || {
            sample(|sample| sample.remove("etc/cloud/cloud.cfg.d/90-sources.cfg"))
        }),
        fault("a proxy", &["proxy"], || {
            sample(|sample| {
                let line = "Acquire::http::Proxy \"http://192.0.2.1:3142\";\n";
                sample.write("etc/apt/apt.conf.d/90proxy", line);
            })
        }),
        fault("a proxy in apt's main file, between braces", &["proxy"], || {
            sample(|sample| {
                let text = "# By the installer\nacquire { http { proxy \"http://192.0.2.1:3142\"; } }\n";
                sample.write("etc/apt/apt.conf", text);
            })
        }),
        fault("a proxy for all programs", &["proxy"], || {
            sample(|sample| sample.write("etc/environment", "http_proxy=http://192.0.2.1:3128\n"))
        }),
        fault("name servers", &["resolver"], || {
            sample(|sample| sample.write("etc/resolv.conf", "nameserver 192.0.2.1\n"))
        }),
        fault("a name in hosts", &["hosts"], || {
            sample(|sample| sample.write("etc/hosts", "127.0.1.1 builder\n"))
        }),
        fault("a disk by its name", &["fstab"], || {
            sample(|sample| sample.write("etc/fstab", "/dev/vda1 / ext4 defaults 0 1\n"))
        }),
        fault("a disk of one instance", &["fstab-cloud-init"], || {
            sample(|sample| {
                let line =
                    "UUID=b262980d-f98d-8d57-8195-4340b8483735 /mnt auto nofail,comment=cloudconfig 0 2\n";
                sample.write("etc/fstab", line);
            })
        }),
    ]
}

/// A file with this mode and owner.
fn with_mode(path: &str, mode: &str, user: u32, group: u32) -> Vec<u8> {
    sample(|sample| {
        sample.write(path, "something");
        sample.mode(path, mode, user, group);
    })
}

/// Modes that no package gives to its files.
fn modes() -> Vec<Fault> {
    vec![
        fault("a shell that runs as root", &["privileged"], || with_mode("usr/bin/bash", "0106755", 0, 0)),
        fault("a packaged program with another mode", &["privileged"], || {
            with_mode("usr/bin/su", "0106755", 0, 0)
        }),
        fault("a packaged program of somebody", &["privileged", "owner"], || {
            with_mode("usr/bin/su", "0104755", 1000, 0)
        }),
        fault("a packaged program with another group", &["privileged"], || {
            with_mode("usr/bin/chage", "0102755", 0, 0)
        }),
        fault("a program of no package", &["privileged"], || with_mode("usr/bin/sudo", "0104755", 0, 0)),
        fault("a program that dpkg knows with less", &["privileged"], || {
            with_mode("usr/bin/own", "0104755", 0, 42)
        }),
        fault("a program at home", &["privileged"], || with_mode("srv/tool", "0102755", 1000, 1000)),
        fault("a module that all may write", &["writable"], || {
            with_mode("usr/lib/python3/os.py", "0100666", 0, 0)
        }),
        fault("a log that all may write", &["writable"], || with_mode("var/lib/x", "0100666", 0, 0)),
        fault("settings that a group may write", &["writable"], || with_mode("etc/x", "0100664", 0, 1000)),
        fault("a folder that all may write", &["writable"], || {
            sample(|sample| sample.mode("usr/bin", "040777", 0, 0))
        }),
        fault("a shared folder of the system", &["writable"], || {
            sample(|sample| sample.mode("usr/bin", "041777", 0, 0))
        }),
        fault("hashes for all", &["writable", "password-hashes"], || {
            sample(|sample| sample.mode("etc/shadow", "0100666", 0, 42))
        }),
        fault("hashes to read", &["password-hashes"], || {
            sample(|sample| sample.mode("etc/shadow", "0100644", 0, 42))
        }),
        fault("hashes of another group", &["password-hashes"], || {
            sample(|sample| sample.mode("etc/shadow", "0100640", 0, 1000))
        }),
        fault("a file of somebody", &["owner"], || with_mode("etc/profile", "0100644", 1000, 1000)),
    ]
}

/// What must not be in an image: the check, and a place.
pub(super) const PLACES: &[(&str, &str)] = &[
    ("identity", "etc/ssh/ssh_host_ed25519_key"),
    ("identity", "etc/hostname"),
    ("identity", "etc/mailname"),
    ("identity", "etc/iscsi/initiatorname.iscsi"),
    ("identity", "etc/lvm/devices/system.devices"),
    ("identity", "etc/multipath/bindings"),
    ("identity", "etc/multipath/wwids"),
    ("identity", "etc/nvme/hostid"),
    ("identity", "etc/nvme/hostnqn"),
    ("identity", "var/lib/dbus/machine-id"),
    ("identity", "boot/efi/loader/random-seed"),
    ("identity", "var/lib/systemd/random-seed"),
    ("identity", "var/lib/systemd/credential.secret"),
    ("identity", "etc/docker/key.json"),
    ("identity", "var/lib/docker/engine-id"),
    ("identity", "var/lib/docker/swarm/docker-state.json"),
    ("identity", "var/lib/docker/containers/0123/config.v2.json"),
    ("identity", "var/lib/docker/network/files/local-kv.db"),
    ("identity", "var/lib/containerd/io.containerd.grpc.v1.introspection/uuid"),
    ("identity", "var/lib/cloud/data/instance-id"),
    ("identity", "etc/netplan/50-cloud-init.yaml"),
    ("identity", "etc/network/interfaces.d/50-cloud-init"),
    ("identity", "etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection"),
    ("identity", "etc/systemd/network/10-cloud-init-eth0.network"),
    ("identity", "etc/udev/rules.d/70-persistent-net.rules"),
    ("identity", "var/lib/dhcp/dhclient.eth0.leases"),
    ("identity", "var/lib/dhcpcd/eth0.lease"),
    ("identity", "var/lib/NetworkManager/secret_key"),
    ("secret", "root/.bash_history"),
    ("secret", "root/.ssh/authorized_keys"),
    ("secret", "home/debian/.ssh/authorized_keys"),
    ("secret", "root/.docker/config.json"),
    ("secret", "root/.netrc"),
    ("secret", "root/.aws/credentials"),
    ("secret", "home/ada/.config/openstack/clouds.yaml"),
    ("secret", "home/ada/.gnupg/trustdb.gpg"),
    ("secret", "home/ada/.git-credentials"),
    ("secret", "home/ada/.python_history"),
    ("secret", "home/ada/.zsh_history"),
    ("secret", "root/.viminfo"),
    ("secret", "root/.lesshst"),
    ("secret", "srv/jupyterhub/jupyterhub_cookie_secret"),
    ("secret", "srv/jupyterhub/jupyterhub.sqlite"),
    ("secret", "srv/jupyterhub/jupyterhub-proxy.pid"),
    ("secret", "etc/apt/auth.conf.d/mirror.conf"),
    ("secret", "etc/apt/auth.conf"),
    ("secret", "etc/munge/munge.key"),
    ("secret", "etc/ssl/private/ssl-cert-snakeoil.key"),
    ("forbidden", "usr/sbin/sshd"),
    ("forbidden", "usr/sbin/start-stop-daemon.REAL"),
    ("leftover", "usr/sbin/policy-rc.d"),
    ("leftover", "etc/apt/apt.conf.d/99mmdebstrap"),
    ("leftover", "etc/dpkg/dpkg.cfg.d/99mmdebstrap"),
    ("leftover", "etc/cloud/cloud-init.disabled"),
    ("leftover", "etc/cloud/cloud.cfg.d/99-installer.cfg"),
    ("leftover", "etc/cloud/cloud.cfg.d/90-installer-network.cfg"),
    ("leftover", "etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg"),
    ("leftover", "etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg"),
    ("leftover", "usr/bin/qemu-aarch64-static"),
    ("leftover", "etc/ssh/sshd_config.d/50-cloud-init.conf"),
    ("leftover", "etc/sudoers.d/90-cloud-init-users"),
    ("trace", "run/utmp"),
    ("trace", "tmp/build.txt"),
    ("trace", "var/tmp/x"),
    ("trace", "var/lib/systemd/timers/stamp-apt-daily.timer"),
    ("trace", "var/lib/systemd/timesync/clock"),
    ("trace", "var/spool/cron/crontabs/root"),
    ("trace", "var/spool/cron/atjobs/a0000101cc8a5c"),
    ("trace", "dev/x"),
    ("trace", "var/cache/apt/pkgcache.bin"),
    ("trace", "var/lib/apt/lists/lock"),
    ("trace", "var/cache/ldconfig/aux-cache"),
    ("trace", "var/lib/dpkg/status-old"),
    ("trace", "var/cache/debconf/config.dat-old"),
    ("trace", "etc/passwd-"),
    ("trace", "etc/shadow-"),
    ("trace", "etc/group-"),
    ("trace", "etc/gshadow-"),
    ("trace", "etc/subuid-"),
    ("trace", "etc/subgid-"),
    ("trace", "var/log/dpkg.log"),
    ("trace", "var/log/alternatives.log"),
    ("trace", "var/log/bootstrap.log"),
    ("trace", "var/log/cloud-init.log"),
    ("trace", "var/log/cloud-init-output.log"),
    ("trace", "var/log/apt/history.log"),
    ("trace", "var/log/journal/0123/system.journal"),
    ("trace", "var/crash/x.crash"),
    ("trace", "var/mail/root"),
    ("trace", "var/spool/mail/root"),
    ("trace", "swapfile"),
    ("trace", "swap.img"),
    ("log", "var/log/wtmp"),
    ("trace", "var/log/syslog"),
    ("trace", "var/log/nginx/access.log.2.gz"),
    ("log", "var/log/nginx/access"),
];

/// CRC-32 as GPT has it (UEFI specification, 4.2), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    let of_byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, of_byte)
}
