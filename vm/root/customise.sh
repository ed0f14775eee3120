#!/bin/sh
# Run by mmdebstrap on the host, at three moments of the guest's installation: customise.sh MOMENT ROOT.
set -eu
root=$2

initrd() {
  mkdir -p "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
  echo "MODULES=list" >"$root/etc/initramfs-tools/conf.d/vm"
  printf '%s\n' virtio_pci virtio_blk ext4 >"$root/usr/share/initramfs-tools/modules.d/vm"
}

# A second version of the same package: it takes the place of the first, whose kernel stays.
kernel() {
  DEBIAN_FRONTEND=noninteractive chroot "$root" \
    apt-get install -y -qq --no-install-recommends -t "$1" linux-image-cloud-amd64
}

users() {
  # Both have subordinate ids, and only the first a user manager that runs without a login.
  for id in 1000 1001; do
    chroot "$root" useradd --uid "$id" --create-home --shell /bin/bash "user$id"
    install -d -m 700 -o "$id" -g "$id" "$root/home/user$id/tmp"
  done
  install -d "$root/var/lib/systemd/linger"
  touch "$root/var/lib/systemd/linger/user1000"
  # For the shell of `--keep`.
  chroot "$root" passwd --quiet --delete root
}

console() {
  install -d "$root/etc/systemd/system/serial-getty@ttyS0.service.d"
  cat >"$root/etc/systemd/system/serial-getty@ttyS0.service.d/autologin.conf" <<END
[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear ttyS0 115200 linux
END
}

# The runner comes with the second disk, so that changing it does not change this image.
runner() {
  install -d "$root/vm"
  echo "/dev/vdb /vm ext4 ro 0 0" >"$root/etc/fstab"
  cat >"$root/etc/systemd/system/vm-runner.service" <<END
[Unit]
Description=Runs the scenarios that the host asks for
RequiresMountsFor=/vm
Wants=user@1000.service
After=user@1000.service systemd-logind.service dbus.service
[Service]
ExecStart=/vm/bin/node /vm/checkout/vm/guest/runner.mjs
StandardOutput=journal+console
StandardError=journal+console
[Install]
WantedBy=multi-user.target
END
  chroot "$root" systemctl --quiet enable vm-runner.service
}

# What a machine that lives for minutes has no use for. The automount among them shows in every mount table, and looks
# different from within a pid namespace.
quiet() {
  chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-timesyncd.service getty@tty1.service \
    systemd-networkd.service systemd-pstore.service proc-sys-fs-binfmt_misc.automount
}

system() {
  echo guest >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 guest\n' >"$root/etc/hosts"
  # Else the first boot waits for randomness, and is a "first boot" each time.
  echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
  # Only root's tests write here, and some have commands of other users.
  install -d -m 1777 "$root/srv/tmp"
  users
  console
  runner
  quiet
  chroot "$root" dpkg-query --show >"$root/packages"
}

case $1 in
initrd) initrd ;;
kernel) kernel "$3" ;;
system) system ;;
*) exit 2 ;;
esac
