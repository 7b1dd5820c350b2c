#: Install what is missing from Debian (needs root or sudo only when something is missing).
#:
#: usage: ./dev deps [--test | --list]
#:
#:   (nothing)  what building and running needs
#:   --test     also what the tests and the lint need
#:   --list     print every package with its range of versions, install nothing
#:
#: The packages and their versions are in tools/dev/packages.txt. Tools that are not in Debian are downloaded
#: into .cache/ (see tools/dev/test_tools.sh). A second run finds everything in place and uses no network.

source tools/dev/test_tools.sh

# packages GROUP...: "name pattern" lines of these groups.
packages() {
  local group name pattern
  while read -r group name pattern; do
    case " $* " in *" $group "*) echo "$name $pattern" ;; esac
  done < <(grep -E '^[a-z]' tools/dev/packages.txt)
}

# What of the given groups is not installed, as arguments for apt (name=pattern).
missing_packages() {
  local name pattern
  while read -r name pattern; do
    if ! dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed$'; then
      if [ "$pattern" = '*' ]; then echo "$name"; else echo "$name=$pattern"; fi
    fi
  done < <(packages "$@")
}

apt_get() { as_root apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"; }

# Tests start servers of their own: the package of PostgreSQL is to make none that runs with the machine.
without_main_cluster() {
  as_root mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' |
    as_root tee /etc/postgresql-common/createcluster.d/no-main-cluster.conf >/dev/null
}

# without_service NAME: tests start a server of their own where only they see it; the package's service is to stay off.
without_service() {
  as_root mkdir -p /etc/systemd/system
  as_root ln -sfn /dev/null "/etc/systemd/system/$1.service"
}

install_packages() {
  command -v apt-get >/dev/null ||
    die "no apt-get here: install what './dev deps --list' prints with your system's package manager"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" = 0 ] && return 0
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  case "${missing[*]}" in *postgresql-*) without_main_cluster ;; esac
  case "${missing[*]}" in *zfs-fuse*) without_service zfs-fuse ;; esac
  case "${missing[*]}" in *redis-server*) without_service redis-server ;; esac
  # A third-party source that fails to update is no obstacle as long as the packages can be had.
  retry apt_get update -qq || echo "apt-get update failed, trying with the lists that are there" >&2
  retry apt_get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    die "apt-get could not install: ${missing[*]}"
}

dev_deps() {
  case "${1:-}" in
    "") install_packages build ;;
    --test)
      install_packages build test
      install_test_tools
      ;;
    --list) packages build test ;;
    *) bad_usage "deps takes --test or --list, not '$1'" ;;
  esac
}
