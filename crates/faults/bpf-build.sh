#!/bin/sh
# Rebuilds the BPF objects beside their sources; a build of Squall never needs this.
# With a folder as argument the objects go there instead, to be compared.
# One compiler makes the same bytes on every machine: no debug data, no paths, no version stamp.
set -eu
cd "$(dirname "$0")"
for source in src/catalog/*/*.bpf.c; do
    object="${source%.c}.o"
    if [ $# -gt 0 ]; then
        object="$1/$(basename "$(dirname "$source")").$(basename "$object")"
    fi
    "${CLANG:-clang}" -target bpf -mcpu=v3 -O2 -Wall -Werror -nostdinc \
        -fno-ident -fno-addrsig -c "$source" -o "$object"
done
