#!/bin/sh
# Says on the console that a service has failed, and its last words: Horizon's log tab is all that an organiser sees.
# systemd.exec(5) has the MONITOR_ variables: they tell of the run that failed.
set -eu
unit=$1
told=/run/imagegen/failed/$unit

# Without a run of its own it waited for another service, whose failure is told.
[ -n "${MONITOR_INVOCATION_ID:-}" ] || exit 0
journalctl --sync
words=$(journalctl --quiet --output=cat --lines=1 "_SYSTEMD_INVOCATION_ID=$MONITOR_INVOCATION_ID" | tr -cd '[:print:]' | cut -c -300)
sentence="The service ${unit%.service} has failed${words:+. Its last words: $words}"
# A service that is started again fails in the same way for minutes: once is enough.
[ ! -e "$told" ] || [ "$(cat "$told")" != "$sentence" ] || exit 0
mkdir -p "${told%/*}"
echo "$sentence" >"$told"
echo "$sentence"
printf 'imagegen: %s\r\n' "$sentence" >/dev/console
