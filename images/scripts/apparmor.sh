#!/bin/sh
# Disables the profiles of the package apparmor that enforce nothing: they only complain, or name desktop programs for
# Ubuntu's restriction of user namespaces. There are a hundred, all compiled at each start of a new instance, before
# cloud-init: half of the time until then. Docker loads its own profile, and other packages' profiles stay. The links
# survive upgrades of the package.
set -eu
dpkg-query --listfiles apparmor | sed -n 's|^/etc/apparmor.d/\([^/]*\)$|\1|p' | while read -r profile; do
	heads=$(grep -sE '^(profile |/)' "/etc/apparmor.d/$profile") || continue
	if ! printf '%s\n' "$heads" | grep -qvE 'flags=\((unconfined|complain)'; then
		ln -sf "../$profile" "/etc/apparmor.d/disable/$profile"
	fi
done
