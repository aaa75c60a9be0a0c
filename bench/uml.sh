#!/bin/sh
# uml.sh COMMAND ARG... — run a command in user-mode-linux on this machine's own file tree, in this folder.
# Its output, messages and status come back through files, for the console mixes with the kernel's messages.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
quoted=
for word; do quoted="$quoted '$(printf %s "$word" | sed "s/'/'\\\\''/g")'"; done
cat >"$folder/init" <<END
#!/bin/sh
PATH=$PATH
mount -t proc proc /proc
ip link set lo up
cd '$PWD'
$quoted <'$folder/in' >'$folder/out' 2>'$folder/err'
echo \$? >'$folder/status'
END
# When init ends the kernel panics, which ends user-mode-linux: nothing else is needed to halt.
chmod +x "$folder/init"
: >"$folder/in"
linux.uml mem=1G rootfstype=hostfs rw quiet panic=-1 con=null con0=null,fd:2 init="$folder/init" \
    >"$folder/console" 2>&1 </dev/null
cat "$folder/out"
cat "$folder/err" >&2
exit "$(cat "$folder/status" 2>/dev/null || echo 125)"
