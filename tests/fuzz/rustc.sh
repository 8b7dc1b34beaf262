#!/bin/sh
# The compiler of `make fuzz`. In the service, and wherever else a caller's bytes are read, it counts every edge for
# libFuzzer. Counters everywhere else would only drown what these say. cargo-fuzz gives the same flags, which are stable.
case " $* " in *" --target "*)
    case $CARGO_CRATE_NAME in
    verification | request_code | verify_code | \
        aws_lambda_events | data_encoding | email_address | form_urlencoded | http | idna | lambda_http | \
        percent_encoding | query_map | serde_json | time | uuid)
        set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
    esac
    ;;
esac
exec "$@"
