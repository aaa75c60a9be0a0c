#!/bin/sh
# Install the Debian packages named by the arguments: package names, or files with one name per line
# (# starts a comment). Only missing ones are installed; without root and sudo they are named and the work goes on
# without them. Removing a package is refused, but for gcc-multilib, which Debian's cross compilers replace.
# Servers that come with them (sshd, nginx, redis) are not started, now or at the next boot: the tests start their own.
set -eu

names() {
    for argument; do
        if [ -f "$argument" ]; then sed 's/#.*//' "$argument"; else echo "$argument"; fi
    done | tr -s '[:space:]' '\n' | sed '/^$/d' | sort -u
}

missing() {
    for name in $(names "$@"); do
        dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || echo "$name"
    done
}

removals() { $apt install -s --no-install-recommends $wanted | awk '/^Remv/ && $2 != "gcc-multilib" {print $2}'; }

policy=/usr/sbin/policy-rc.d  # what maintainer scripts ask before they start a service

units() { find /lib/systemd/system -name '*.service' -o -name '*.socket' 2>/dev/null | sort; }

keep_services_down() {
    units >"$before"
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null && $root chmod 755 $policy && ours=yes; }
}

clean_up() {
    [ -z "$ours" ] || $root rm -f $policy
    if command -v systemctl >/dev/null; then
        for unit in $(units | comm -13 "$before" -); do $root systemctl disable "${unit##*/}" >/dev/null 2>&1 || :; done
    fi
    rm -f "$before"
}

wanted=$(missing "$@" | tr '\n' ' ')
[ -n "$wanted" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "packages: this is not Debian; going on without: $wanted" >&2
    exit 0
elif [ "$(id -u)" = 0 ]; then
    root=""
    apt="apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300"
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    root="sudo"
    apt="sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300"
else
    echo "packages: neither root nor sudo; going on without: $wanted" >&2
    exit 0
fi

echo "packages: installing $wanted" >&2
export DEBIAN_FRONTEND=noninteractive
# The lists may be absent (container images) or name versions that the mirror has dropped since.
$apt install -s --no-install-recommends $wanted >/dev/null 2>&1 || $apt update >&2
removed=$(removals)
if [ -n "$removed" ]; then
    echo "packages: refused, for apt-get would remove:" $removed >&2
    exit 1
fi
ours=""
before=$(mktemp)
trap clean_up EXIT
trap 'exit 130' INT TERM
keep_services_down
$apt install -y --no-install-recommends $wanted >&2 ||
    { $apt update >&2 && $apt install -y --no-install-recommends $wanted >&2; }
