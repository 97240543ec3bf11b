# Removes what dpkg's settings exclude from the tree in $1: the essential packages are unpacked before dpkg is there to know
# them; a moment later it unpacks them once more. Patterns are those of fnmatch(3) to dpkg and find alike.
cat "$1"/etc/dpkg/dpkg.cfg.d/* | sed -n "s/^path-exclude[ =]//p" | while read -r pattern; do
	find "$1" -xdev ! -type d -path "$1$pattern" -delete
done
