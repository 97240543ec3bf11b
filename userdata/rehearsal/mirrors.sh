# The host names of this machine's package mirrors.
cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -o 'https\?://[^/ ]*' | sed 's#.*//##' | sort -u
