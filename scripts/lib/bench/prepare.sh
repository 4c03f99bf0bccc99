# shellcheck shell=bash
# Sourced by scripts/bench and scripts/soak, in the repository: sets the environment and builds server, floor and sink.

# An environment that is set up for this repository already may have been extended.
if [[ ${SENSR_BRIDGE_ROOT:-} != "$PWD" ]]; then
    # shellcheck source=scripts/env.sh
    source scripts/env.sh
fi
# Everything of the workspace is selected as in the build of the package, so that r2r is not compiled again.
build/sensr_bridge/cargo build --quiet --locked --release --workspace --features sensr_bench/ros --bin sensr_bench
export PYTHONPATH=$PWD/scripts/lib${PYTHONPATH:+:$PYTHONPATH}
