#!/bin/sh
# Runs a static x86-64 program on an emulated Sapphire Rapids (AVX-512, AMX):  sh tests/emulation/bochs.sh PROGRAM [ARGUMENT...]
# Its output is printed and its exit status is the script's; 77: skipped, with the reason. Starting takes one to three minutes, and
# programs run some hundred times slower than on a processor; a limit in seconds is NST_EMULATION_LIMIT (1800).
#
# What is needed comes from Debian 13 (Bochs 3.0 is the first with AMX; the kernel is that of its backports) into a folder of its
# own, $NST_EMULATION (by default ~/.cache/libnst-emulation, about 500 MB), made with debootstrap, which wants root.
#
# Bochs 3.0 has the tiles but not XFD, by which Linux lets a process use them: the kernel is told to believe in it (setcpuid=324) and
# the emulator to ignore the register. Linux then never saves tile data, and loses the tiles whenever it uses vector registers itself or
# gives them to another program: programs must use tiles in one thread, and the kernel is kept from its own vector code, the
# hashing of its random numbers (clearcpuid=137, SSSE3 in the kernel's eyes). ACPI is off, for the emulated firmware's does not
# survive it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
base=${NST_EMULATION:-${HOME:-/root}/.cache/libnst-emulation}
system=$base/trixie
limit=${NST_EMULATION_LIMIT:-1800}
mirror=http://deb.debian.org/debian

skip() {
    echo "skipped: $1"
    exit 77
}

in_system() {
    chroot "$system" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
}

# A kernel that knows setcpuid (Linux 6.15 or later), unpacked without being installed. Newer packages hold it one dependency down.
fetch_kernel() {
    meta=$(in_system apt-cache depends linux-image-cloud-amd64/trixie-backports | sed -n 's/.*Depends: \(linux-image-[^ ]*\).*/\1/p')
    for package in "$meta" "linux-binary-${meta#linux-image-}"; do
        in_system sh -c "cd /root && apt-get download $package" >>"$base/log" 2>&1 || continue
        in_system sh -c "dpkg -x /root/${package}_*.deb /kernel"
    done
    find "$system/kernel" -name 'vmlinuz*' | grep -q .
}

prepare() {
    [ "$(uname -m)" = x86_64 ] || skip "the emulator's packages are for x86-64"
    [ "$(id -u)" = 0 ] || skip "debootstrap needs root (or set NST_EMULATION to a folder that has been prepared)"
    command -v apt-get >/dev/null || skip "no apt"
    mkdir -p "$base"
    command -v debootstrap >/dev/null || apt-get install -y --no-install-recommends debootstrap >"$base/log" 2>&1 ||
        skip "debootstrap cannot be installed"
    rm -rf "$system"
    debootstrap --variant=minbase trixie "$system" "$mirror" >>"$base/log" 2>&1 || skip "debootstrap failed, see $base/log"
    echo "deb $mirror trixie-backports main" >"$system/etc/apt/sources.list.d/backports.list"
    in_system sh -c 'apt-get update && apt-get install -y --no-install-recommends bochs bochsbios vgabios isolinux syslinux-common \
        xorriso cpio' >>"$base/log" 2>&1 || skip "Bochs cannot be installed, see $base/log"
    fetch_kernel || skip "no kernel, see $base/log"
    touch "$base/ready"
}

# A compact disc that boots the kernel with the program in its first file system.
make_disc() {
    rm -rf "$run" && mkdir -p "$run/root/dev" "$run/disc"
    cc -O1 -static -o "$run/root/init" "$here/init.c"
    cp "$1" "$run/root/program"
    shift
    : >"$run/root/arguments"
    for argument; do echo "$argument" >>"$run/root/arguments"; done
    mknod "$run/root/dev/console" c 5 1
    in_system sh -c "cd $inside/root && find . | cpio -o -H newc 2>/dev/null | gzip -1 >../disc/initrd"
    cp "$(find "$system/kernel" -name 'vmlinuz*' | head -n 1)" "$run/disc/linux"
    cp "$system/usr/lib/ISOLINUX/isolinux.bin" "$system/usr/lib/syslinux/modules/bios/ldlinux.c32" "$run/disc"
    cat >"$run/disc/isolinux.cfg" <<-END
	DEFAULT linux
	LABEL linux
	KERNEL linux
	INITRD initrd
	APPEND console=ttyS0 loglevel=4 nokaslr nosmp mitigations=off tsc=reliable lpj=1000000 setcpuid=324 clearcpuid=137 acpi=off reboot=t panic=1
	END
    in_system xorriso -as mkisofs -quiet -o "$inside/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
        -boot-info-table "$inside/disc" >/dev/null 2>&1
    cat >"$run/bochsrc" <<-END
	plugin_ctrl: unmapped=true, biosdev=true, speaker=false, extfpuirq=true, parallel=false, serial=true
	romimage: file=/usr/share/bochs/BIOS-bochs-latest
	vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
	cpu: model=sapphire_rapids, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
	memory: guest=512, host=512
	ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
	ata0-master: type=cdrom, path=$inside/boot.iso, status=inserted
	boot: cdrom
	com1: enabled=1, mode=file, dev=$inside/serial
	display_library: rfb, options="timeout=0"
	log: $inside/log
	panic: action=fatal
	error: action=report
	END
}

[ $# -ge 1 ] || { echo "usage: bochs.sh PROGRAM [ARGUMENT...]"; exit 2; }
[ -e "$base/ready" ] || prepare
inside=/run-$$
run=$system$inside
trap 'rm -rf "$run"' EXIT
make_disc "$@"
timeout "$limit" chroot "$system" bochs -q -f "$inside/bochsrc" </dev/null >"$run/out" 2>&1 || true
[ -z "${NST_EMULATION_KEEP:-}" ] || cp "$run/serial" "$run/log" "$run/out" "$NST_EMULATION_KEEP"
tr -d '\r' <"$run/serial" | sed '/^\[ *[0-9.]*\] /d'
status=$(sed -n 's/^program exit \([0-9]*\).*/\1/p' "$run/serial" | tail -n 1)
[ -n "$status" ] || { echo "the program did not end within $limit s, or by a signal"; exit 1; }
exit "$status"
