#!/bin/sh
# Rebuilds the BPF objects beside their sources; a build of Squall never needs this.
# With a folder as argument the objects go there instead, to be compared: the path of each below
# src/, with dots for slashes.
# One compiler makes the same bytes on every machine: no debug data, no paths, no version stamp.
set -eu
cd "$(dirname "$0")"
for source in $(cd src && find . -name '*.bpf.c' | sort); do
    source="${source#./}"
    object="src/${source%.c}.o"
    if [ $# -gt 0 ]; then
        object="$1/$(echo "${source%.c}.o" | tr / .)"
    fi
    "${CLANG:-clang}" -target bpf -mcpu=v3 -O2 -Wall -Werror -nostdinc \
        -fno-ident -fno-addrsig -c "src/$source" -o "$object"
done
