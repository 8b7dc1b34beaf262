#!/bin/sh
# Fuzzes each target for MINUTES (1), or only those in TARGETS. What finds a fault is kept in tests/fuzz/corpus, where
# `make test` replays it. What only reaches something new is kept in target/fuzz-corpus.
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
host=$(rustc -vV | sed -n 's/^host: //p')

# `--target` keeps the counters out of build scripts and macros.
RUSTC_WRAPPER=$root/tests/fuzz/rustc.sh cargo build --locked --profile fuzz --target "$host" \
    --package service-tests --features fuzz --example fuzz

status=0
for target in ${TARGETS:-$(ls tests/fuzz/corpus)}; do
    kept=tests/fuzz/corpus/$target
    grown=target/fuzz-corpus/$target
    mkdir -p "$grown"
    case $target in request-code | verify-code) events=events ;; *) events= ;; esac
    echo "== $target"
    FUZZ_TARGET=$target "target/$host/fuzz/examples/fuzz" "$grown" "$kept" $events -artifact_prefix="$kept/" \
        -max_total_time=$((${MINUTES:-1} * 60)) -dict=tests/fuzz/words -timeout=20 -max_len=10000 \
        -print_final_stats=1 || status=1
done
exit $status
