# Makes the file tree of a machine in its namespaces: all but /usr is the machine's own. Then it waits for the end of the test.
set -eu
name=$1 tree=$2 programs=$3 databases=$4
mount --make-rprivate /
[ $$ != 1 ] || mount -t proc none /proc
hostname "$name"
ip link set lo up
mkdir -p "$tree/var/lib/pacman" "$tree/var/tmp"
for file in passwd group shadow gshadow login.defs nsswitch.conf alternatives; do
	[ ! -e "/etc/$file" ] || cp -a "/etc/$file" "$tree/etc/"
done
sed -i '/^\(omg\|nats\):/d' "$tree"/etc/{passwd,group,shadow,gshadow}
echo 'omg:x:941:941::/:/usr/sbin/nologin' >>"$tree/etc/passwd"
echo 'omg:x:941:' >>"$tree/etc/group"
mount --bind "$databases" "$tree/var/lib/pacman"
mount --bind "$programs" /mnt
mount --bind "$tree/local" /usr/local/bin
mount --rbind "$tree/var" /var
mount --bind "$tree/etc" /etc
for dir in /run /tmp /root; do mount -t tmpfs -o mode=755 none "$dir"; done
echo ready
[ $$ = 1 ] || exec sleep infinity
while :; do sleep 1000; done # the first process also waits for the end of those without a parent
