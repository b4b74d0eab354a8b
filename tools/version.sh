#!/bin/sh
# Prints the package version from include/nst/version.h.
cd "$(dirname "$0")/.." && sed -n 's/^#define NST_VERSION_STRING "\(.*\)"/\1/p' include/nst/version.h
