#!/bin/sh
# uml.sh COMMAND ARG... — run a command in user-mode-linux on this machine's own file tree, in this folder.
# Its output, messages and status come back through files, for the console mixes with the kernel's messages.
# It cannot read standard input.
folder=$(mktemp -d "$PWD/uml-XXXXXX")
trap 'rm -rf "$folder"' EXIT
quoted=
for word; do quoted="$quoted '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
# IPv6 is a module, which needs kmod; without it programs are told that there is no such family.
cat >"$folder/init" <<END
#!/bin/sh
export PATH='$PATH:/usr/sbin:/sbin'
ulimit -H -n $(ulimit -H -n)
ulimit -S -n $(ulimit -S -n)
mount -t proc proc /proc
modules=/usr/lib/uml/modules/\$(uname -r)
for name in \$(sed -n 's/^\(.*\/ipv6.ko\): \(.*\)/\2 \1/p' \$modules/modules.dep); do insmod \$modules/\$name; done
ip link set lo up
cd '$PWD'
$quoted <'$folder/in' >'$folder/out' 2>'$folder/err'
echo \$? >'$folder/status'
END
# When init ends the kernel panics, which ends user-mode-linux: nothing else is needed to halt.
chmod +x "$folder/init"
: >"$folder/in"
linux.uml mem=1G rootfstype=hostfs rw quiet panic=-1 uml_dir="$folder/" con=null con0=null,fd:2 \
    init="$folder/init" >"$folder/console" 2>&1 </dev/null
if ! [ -s "$folder/status" ]; then
    { grep -o -m1 'Kernel panic.*' "$folder/console" || tail -n1 "$folder/console"; } >&2
    exit 125
fi
cat "$folder/out"
cat "$folder/err" >&2
exit "$(cat "$folder/status")"
