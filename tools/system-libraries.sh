#!/usr/bin/env bash
# The libraries of the system that Qt 6, OpenGL and a virtual screen need on Linux.
# Installs what is missing when it may (root, apt); else prints the one line to type.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0

# What to look for, and the Debian package that has it.
needed="
Xvfb xvfb
libGL.so.1 libgl1
libEGL.so.1 libegl1
libX11-xcb.so.1 libx11-xcb1
libbrotlidec.so.1 libbrotli1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libfreetype.so.6 libfreetype6
libglib-2.0.so.0 libglib2.0-0
libgssapi_krb5.so.2 libgssapi-krb5-2
libxcb-cursor.so.0 libxcb-cursor0
libxcb-glx.so.0 libxcb-glx0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-render.so.0 libxcb-render0
libxcb-shape.so.0 libxcb-shape0
libxcb-shm.so.0 libxcb-shm0
libxcb-sync.so.1 libxcb-sync1
libxcb-util.so.1 libxcb-util1
libxcb-xfixes.so.0 libxcb-xfixes0
libxcb-xkb.so.1 libxcb-xkb1
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxkbcommon.so.0 libxkbcommon0
"

known="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p || true)"
missing=()
while read -r name package; do
  [ -n "$name" ] || continue
  case "$name" in
    *.so.*) grep -qF "$name " <<<"$known" || missing+=("$package") ;;
    *) command -v "$name" >/dev/null || missing+=("$package") ;;
  esac
done <<<"$needed"

[ "${#missing[@]}" -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  echo "Installing libraries for the window: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || true
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null && exit 0
fi

echo "Expected the libraries that the window needs, found these missing: ${missing[*]}." >&2
echo "Try: sudo apt-get install -y ${missing[*]}" >&2
# A display of one's own does instead of the virtual one; without either nothing can be drawn.
[ -n "${DISPLAY:-}" ] || command -v Xvfb >/dev/null
