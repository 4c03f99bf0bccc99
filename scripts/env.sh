# shellcheck shell=bash
# Sets the environment for building and running: source it in bash with `. scripts/env.sh`, and again after a build.
#
# Afterwards rclpy can be imported, colcon and the Python tools are on PATH, and if this repository has been built
#   - its prefix is the first in AMENT_PREFIX_PATH and its messages can be imported in Python,
#   - SENSR_BRIDGE_PREFIX is this prefix: the executables are in $SENSR_BRIDGE_PREFIX/lib/sensr_bridge/.

if [ -z "${BASH_VERSION:-}" ]; then
    echo "env.sh: needs bash" >&2
    return 1
fi

_sensr_bridge_env() {
    local root ros distro site prefix
    root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
    # shellcheck source=scripts/lib/common.sh
    source "$root/scripts/lib/common.sh"
    sensr_bridge_forget_other_clone "$root"

    ros=$(sensr_bridge_ros "$root")
    if [[ "$ros" == /opt/ros/* ]]; then
        sensr_bridge_source_ros "$ros/setup.bash"
    fi
    distro=wheels
    if [[ "$ros" != wheels ]]; then
        distro=$ROS_DISTRO
    fi
    if [[ "$(cat "$root/.ros/ready-for" 2>/dev/null)" != "$distro" ]]; then
        echo "env.sh: not set up for ROS 2 '$distro'; run $root/scripts/setup first" >&2
        return 1
    fi

    export SENSR_BRIDGE_ROOT=$root
    # CMake then uses this Python and not a newer one elsewhere.
    export VIRTUAL_ENV="$root/.ros"
    sensr_bridge_prepend PATH "$root/.ros/bin"
    if [[ "$ros" == wheels ]]; then
        sensr_bridge_use_wheels "$root"
    fi
    # Default folder of rustup, for shells without it in PATH.
    if ! command -v cargo >/dev/null && [[ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]]; then
        sensr_bridge_prepend PATH "${CARGO_HOME:-${HOME:-}/.cargo}/bin"
    fi

    # The built package: its own prefix, or one shared by all packages (colcon build --merge-install).
    unset SENSR_BRIDGE_PREFIX
    for prefix in "$root/install/sensr_bridge" "$root/install"; do
        if [[ -f "$prefix/share/sensr_bridge/package.xml" ]]; then
            export SENSR_BRIDGE_PREFIX=$prefix
            for site in "$prefix"/lib/python3*/site-packages "$prefix"/local/lib/python3*/dist-packages; do
                if [[ -d "$site" ]]; then
                    sensr_bridge_prepend PYTHONPATH "$site"
                fi
            done
            sensr_bridge_prepend LD_LIBRARY_PATH "$prefix/lib"
            sensr_bridge_prepend CMAKE_PREFIX_PATH "$prefix"
            sensr_bridge_prepend AMENT_PREFIX_PATH "$prefix"
            break
        fi
    done
}

_sensr_bridge_env
