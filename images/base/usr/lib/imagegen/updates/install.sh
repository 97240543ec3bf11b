#!/bin/sh
# Installs the security updates that first_boot.py has downloaded. Packages may do anything to the machine, so this runs in
# a unit of its own without the bounds of imagegen-updates.service.
set -eu
# While it is there, packages start and restart nothing (invoke-rc.d(8)): services that wait for this could not.
policy=/usr/sbin/policy-rc.d
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1

trap 'rm -f "$policy"' EXIT
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
# What an earlier run began before the machine lost its power.
dpkg --configure -a
apt-get -q -y -o Dir::Etc::Preferences="${0%/*}/security.pref" \
	-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
	--no-download --with-new-pkgs upgrade
apt-get clean
