#!/usr/bin/env bash
# Runs docker/smoke.sh with podman on a Debian machine without a Docker engine and without access to an image registry.
# It installs missing packages, makes stand-ins for the official images, and gives the pip settings of this machine to
# the builds. With --skip it exits with status 0 if podman cannot be installed within five minutes. It needs root and
# `make install`.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
packages=(podman buildah runc conmon netavark aardvark-dns iptables mmdebstrap curl)
if ! dpkg -s "${packages[@]}" >/dev/null 2>&1; then
  # shellcheck disable=SC2016
  timeout 300 sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"' \
    sh "${packages[@]}" >/dev/null || {
    echo "podman was not installed within five minutes: images are neither built nor started."
    [[ ${1:-} == --skip ]] && exit 0
    exit 1
  }
fi

# Debian's crun fails on machines with both versions of cgroups. The limits must be ones that a container may set.
CONTAINERS_CONF=$(mktemp)
export CONTAINERS_CONF
cat >"$CONTAINERS_CONF" <<'CONF'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
trap 'rm -f "$CONTAINERS_CONF"' EXIT

"$here/stand_ins.sh"
BUILD_FLAGS="--pull=never --network host --format docker --build-arg TORCH_INDEX= --build-arg ENCODER="
read -ra folders <<<"$(python3 -m pip config list | sed -n "s/^.*find-links='\(.*\)'$/\1/p" | tr '\n' ' ')"
for folder in ${folders[@]+"${folders[@]}"}; do
  if [[ -d $folder && $BUILD_FLAGS != *"$folder:"* ]]; then BUILD_FLAGS+=" --volume $folder:$folder:ro"; fi
done
python=$root/.venv/bin
export BUILD_FLAGS ENGINE=podman COMPOSE="$python/podman-compose"
"$root/docker/smoke.sh" "$@"
