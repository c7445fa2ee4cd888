#!/usr/bin/env bash
# llama.cpp's own server, the peer that the gateway is measured beside, from the source that node-llama-cpp's npm
# package carries: the very release that the gateway runs.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: bench/peers/llama-server.sh FOLDER [JOBS]

Builds llama-server, llama-bench and llama-quantize in FOLDER (made where missing, outside of the repository), with
JOBS compilers at a time (default 1). What is there already is kept, so a second call ends at once.

  FOLDER/native    compiled here, for this machine's processor
  FOLDER/packaged  the same programs on the libraries that the gateway itself loads (Linux x64 and arm64)

Needs git, cmake, a C++ compiler, npm and a package registry; takes ninja where it is installed. `npm ci` comes first.
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  "" | -*) usage >&2; exit 2 ;;
esac
repository=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
folder=$(cd "$1" && pwd)
jobs=${2:-1}
programs=(llama-server llama-bench llama-quantize)
case $folder/ in
  "$repository"/*) echo "llama-server.sh: $folder is inside the repository; name a folder outside of it" >&2; exit 2 ;;
esac
case $(uname -m) in
  x86_64) platform=linux-x64 ;;
  aarch64) platform=linux-arm64 ;;
  *) echo "llama-server.sh: no libraries are known for $(uname -m)" >&2; exit 2 ;;
esac
libraries=$repository/node_modules/@node-llama-cpp/$platform/bins/$platform
[ -d "$libraries" ] || { echo "llama-server.sh: $libraries is missing; run npm ci first" >&2; exit 1; }

source=$folder/llama.cpp
if [ ! -d "$source" ]; then
  release=$(cd "$repository" && node -p "require('./package.json').optionalDependencies['@node-llama-cpp/$platform']")
  archive=$(cd "$folder" && npm pack --silent "node-llama-cpp@$release")
  tar -xzf "$folder/$archive" -C "$folder" package/llama/gitRelease.bundle
  git clone --quiet "$folder/package/llama/gitRelease.bundle" "$source"
  rm -r "$folder/package" "$folder/$archive"
fi

build=$folder/build
if [ ! -x "$build/bin/llama-server" ]; then
  generator=()
  if command -v ninja >/dev/null; then generator=(-G Ninja); fi
  cmake -S "$source" -B "$build" "${generator[@]}" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON \
    -DLLAMA_BUILD_UI=OFF -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF
  nice cmake --build "$build" --parallel "$jobs" --target "${programs[@]}"
fi

# A library is looked for by the name that it was linked under: under those names the package's own files are put.
rm -rf "$folder/native" "$folder/packaged"
ln -s "$build/bin" "$folder/native"
mkdir "$folder/packaged"
for program in "${programs[@]}"; do
  cp "$build/bin/$program" "$build/bin/lib$program-impl.so" "$folder/packaged"
done
cp -L "$build/bin/libmtmd.so.0" "$folder/packaged"
ln -s "$libraries"/*.so "$folder/packaged"
for name in llama ggml; do ln -s "$libraries/lib$name".v*.so "$folder/packaged/lib$name.so.0"; done
for name in llama-common ggml-base; do ln -s "$libraries/lib$name.so" "$folder/packaged/lib$name.so.0"; done

"$folder/native/llama-server" --version
LD_LIBRARY_PATH=$folder/packaged "$folder/packaged/llama-server" --version
echo "built: $folder/native and $folder/packaged"
