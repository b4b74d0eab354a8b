# Sourced by demo.sh and test.sh: installs what is missing on a Debian machine, and touches nothing when nothing is.
# Each line: command|module, its name, the Debian packages that bring it.

build_needs='
command cc gcc libc6-dev
command meson meson
command ninja ninja-build
command pkg-config pkg-config
command python3 python3
module libpng libpng-dev
module libjpeg libjpeg62-turbo-dev
module zlib zlib1g-dev
module jansson libjansson-dev
module lcms2 liblcms2-dev
module openblas libopenblas-dev'

test_needs='
command c++ g++
command cmake cmake
command readelf binutils
command abidiff abigail-tools
module cmocka libcmocka-dev'

# Prints the packages for those lines of standard input whose command or pkg-config module is not there.
missing_packages() {
    while read -r kind name packages; do
        case $kind in
        command) command -v "$name" >/dev/null 2>&1 || printf '%s ' "$packages" ;;
        module) pkg-config --exists "$name" 2>/dev/null || printf '%s ' "$packages" ;;
        esac
    done
}

install_missing() {
    packages=$(printf '%s\n' "$1" | missing_packages)
    [ -n "$packages" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "Please install what these Debian packages hold: $packages" >&2
        return 1
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        as_root=sudo
        if ! command -v sudo >/dev/null 2>&1; then
            echo "Please run as root: apt-get install $packages" >&2
            return 1
        fi
    fi
    echo "Installing: $packages"
    $as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of packages
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
}
