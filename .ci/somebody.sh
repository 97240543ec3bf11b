#!/bin/sh
# Makes a root file system, from the inside, the one of an image that was used. Usage: somebody.sh
set -eu
useradd --create-home --shell /bin/bash --uid 1000 debian
echo debian:debian | chpasswd
echo root:root | chpasswd
mkdir -p /home/debian/.ssh /etc/sudoers.d /var/lib/dhcp /root/.ssh /var/lib/cloud/instances/i-used /var/lib/cloud/data
ln -s instances/i-used /var/lib/cloud/instance
echo i-used >/var/lib/cloud/data/instance-id
echo "ssh-ed25519 AAAA somebody" | tee /home/debian/.ssh/authorized_keys /root/.ssh/authorized_keys >/dev/null
echo "debian ALL=(ALL) NOPASSWD:ALL" >/etc/sudoers.d/90-cloud-init-users
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
echo somebody >/etc/hostname
echo "Jan 1 00:00:00 somebody sshd: accepted" | tee /var/log/auth.log /var/log/syslog >/dev/null
mkdir -p /var/log/journal/0123456789abcdef0123456789abcdef
echo lease >/var/lib/dhcp/dhclient.leases
echo "history of root" >/root/.bash_history
seq 20000 | sed 's/^/the secret of somebody, line /' >/deleted
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
systemctl --quiet enable systemd-networkd.service
rm /somebody.sh
