#!/usr/bin/env bash
# Debian packages without installing them: those of `debian.txt` for the folders named are downloaded with an apt of our
# own, checked, and unpacked into `.cache/cross/FOLDER`. Nothing of the system is changed and nobody needs to be root.
# Usage: scripts/cross/debian.sh FOLDER…   (exits with 3 where there is no Debian to be had, with 1 if anything else is wrong)
#
# Mirrors keep only the newest version of a package. When one has moved on, this says so and which version there is:
# enter it in `debian.txt` with `-` for the checksum, run this again, and enter the checksum that it prints after apt has
# checked Debian's signature.
set -euo pipefail
cd "$(dirname "$0")/../.."

list=$PWD/scripts/cross/debian.txt
cache=$PWD/.cache/cross
apt=$cache/apt
debs=$cache/debs
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suites='bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable'

fail() { printf 'cross: %s\n' "$1" >&2; exit 1; }
unavailable() { printf 'cross: %s\n' "$1" >&2; exit 3; }
lines_of() { awk -v folder="$1" '$1 == folder' "$list"; }

# The mirrors are those that the machine itself uses; the suites are ours, whichever the machine runs. Before the first
# `apt-get update` apt does not know whose a source is, only what it is called.
mirror() { # suite
  apt-get indextargets --format '$(SITE) $(COMPONENT) $(RELEASE) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' |
    awk -v suite="^($suites)$1\$" '$2 == "main" && ($3 ~ suite || $4 ~ suite) && ($5 == "Debian" || NF < 5) { print $1; exit }'
}

source_of() { # suite, mirror, architectures
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nArchitectures: %s\nSigned-By: %s\n\n' \
    "$2" "$1" "$3" "$keyring"
}

private_apt() {
  local main security
  [ -e "$keyring" ] || unavailable "there is no $keyring: install debian-archive-keyring"
  # Asked before APT_CONFIG says otherwise.
  main=${CROSS_DEBIAN:-$(mirror '')}
  security=${CROSS_DEBIAN_SECURITY:-$(mirror -security)}
  [ -n "$main" ] && [ -n "$security" ] ||
    unavailable 'apt knows no Debian mirror: set CROSS_DEBIAN and CROSS_DEBIAN_SECURITY to the URLs of Debian and of its security updates'
  mkdir -p "$apt"/{sources,preferences,state/lists/partial,cache/archives/partial}
  touch "$apt/status"
  {
    source_of bookworm "$main" 'amd64 arm64 armhf'
    source_of bookworm-security "$security" 'amd64 arm64'
    source_of trixie "$main" 'amd64 arm64 armhf'
  } > "$apt/sources/debian.sources"
  cat > "$apt/apt.conf" << EOF
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; "armhf"; };
APT::Sandbox::User "$(id -un)";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Languages "none";
Dir::Cache "$apt/cache";
Dir::Etc::preferencesparts "$apt/preferences";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$apt/sources";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
EOF
  export APT_CONFIG=$apt/apt.conf
}

file_of() { printf '%s/%s_%s_%s.deb' "$debs" "$1" "${3//:/%3a}" "$2"; } # package, architecture, version, as apt names it

# Downloads what is missing of the lines on standard input, in one call: apt reads its lists anew for each.
download() {
  local package architecture version name
  local -a names=() lost=()
  while read -r _ _ package architecture version _; do
    [ ! -e "$(file_of "$package" "$architecture" "$version")" ] || continue
    name=$package:$architecture
    [ "$architecture" != all ] || name=$package
    names+=("$name=$version")
  done
  [ ${#names[@]} -gt 0 ] || return 0
  printf 'cross: downloading %d Debian packages\n' ${#names[@]}
  private_apt
  cd "$debs"
  # Lists of before are good as long as they lead to the versions.
  ! apt-get download -qq "${names[@]}" 2>/dev/null || return 0
  apt-get update -qq --error-on=any || unavailable "apt could not read the lists of Debian's packages"
  ! apt-get download -qq "${names[@]}" || return 0
  for name in "${names[@]}"; do
    apt-cache madison "${name%%=*}" | grep -qF " ${name#*=} " || lost+=("$name")
  done
  [ ${#lost[@]} -gt 0 ] || unavailable 'apt could not download all packages'
  apt-cache madison "${lost[@]%%=*}" >&2
  unavailable "the mirror does not have ${lost[*]} (any more); above is what there is. How to change it: scripts/cross/debian.sh"
}

command -v apt-get >/dev/null && command -v dpkg >/dev/null || unavailable 'apt-get and dpkg are needed: run this on Debian or in its container'
mkdir -p "$debs"
folders=()
for folder in "$@"; do
  wanted=$(lines_of "$folder")
  [ -n "$wanted" ] || fail "debian.txt has nothing for '$folder'"
  # Written last: what was cut short is made anew.
  [ "$(cat "$cache/$folder/.packages" 2>/dev/null)" = "$wanted" ] || folders+=("$folder")
done
[ ${#folders[@]} -gt 0 ] || exit 0
(for folder in "${folders[@]}"; do lines_of "$folder"; done | download)
for folder in "${folders[@]}"; do
  wanted=$(lines_of "$folder")
  rm -rf "${cache:?}/$folder"
  mkdir -p "$cache/$folder"
  while read -r _ _ package architecture version checksum; do
    file=$(file_of "$package" "$architecture" "$version")
    [ -e "$file" ] || fail "apt downloaded $package $version under another name than $file"
    actual=$(sha256sum "$file" | cut -d' ' -f1)
    case "$checksum" in
      "$actual") ;;
      -) printf 'cross: %s %s %s %s\n' "$package" "$architecture" "$version" "$actual" ;;
      *) rm "$file"; fail "$package $architecture $version has the checksum $actual, not $checksum" ;;
    esac
    dpkg -x "$file" "$cache/$folder"
  done <<< "$wanted"
  # Debian since 13 leaves this link to a package of its own.
  [ -e "$cache/$folder/lib" ] || ln -s usr/lib "$cache/$folder/lib"
  printf '%s\n' "$wanted" > "$cache/$folder/.packages"
done
