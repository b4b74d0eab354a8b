#!/bin/sh
# The experiments of docs/experiments.md: contact sheets and reconstructions with the real VGG-19.
# usage: experiments.sh NST OUT [SIZE] [ITERATIONS]      (NST: the command; OUT: a folder; needs the test data)
set -eu
nst=$1 out=$2 size=${3:-256} iterations=${4:-150}
data=${NST_TEST_DATA:-$(dirname "$0")/../../../shared}
content=$data/images/content/tubingen.jpg style=$data/images/style/starry_night_google.jpg
common="--weights $data/weights/vgg19-caffe-bgr.safetensors --dialect neural-style --size $size --iterations $iterations --overwrite"
mkdir -p "$out"

sweep() { # sweep NAME VARY...
    name=$1
    shift
    # shellcheck disable=SC2086
    "$nst" sweep "$content" "$style" -o "$out/$name.png" $common "$@"
}

sweep weights --vary alpha=1,5,25 --vary beta=10,100,1000
sweep content-layers --vary "content-layers=relu1_2;relu2_2;relu3_2;relu4_2;relu5_2"
sweep starts --vary init=content,noise,gray,style
sweep poolings --vary pooling=max,average,l2 --vary pooling-rescale=false,true

styles=
for layer in relu1_1 relu2_1 relu3_1 relu4_1 relu5_1; do
    # shellcheck disable=SC2086
    "$nst" reconstruct content "$content" --layers $layer -o "$out/content-$layer.png" $common
    styles=${styles:+$styles,}$layer
    # shellcheck disable=SC2086
    "$nst" reconstruct style "$style" --layers "$styles" -o "$out/style-to-$layer.png" $common
done
