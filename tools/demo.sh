#!/bin/sh
# Builds libnst and repaints the example photograph in the manner of the example painting; the last line printed is the path
# of the picture. Installs what is missing (Debian), so the first call may ask for root; later calls need no network.
set -eu
cd "$(dirname "$0")/.."
. tools/dependencies.sh
install_missing "$build_needs"

[ -f build-demo/build.ninja ] || meson setup build-demo --buildtype=release -Dtests=false
ninja -C build-demo

examples=docs/examples/pictures
picture=$PWD/build-demo/demo.png
echo "Stylising $examples/scene.jpg after $examples/pattern.jpg."
echo "The network is the small one in the library; docs/weights.md says how to use a VGG-19."
build-demo/tools/nst stylize $examples/scene.jpg $examples/pattern.jpg -o "$picture" --overwrite --weights builtin
echo "$picture"
