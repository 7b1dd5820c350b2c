# Tools for tests that Debian does not have, downloaded into .cache/ with pinned versions. Sourced by deps.sh.
# To add one: a function that installs it by `cached`, called from install_test_tools.

# cached NAME KEY COMMAND...: runs COMMAND once for each value of KEY (a version, a checksum of a lock file); it gets an
# empty directory .cache/NAME as working directory. A failed or interrupted run leaves no mark and is repeated.
cached() {
  local name="$1" key="$2" directory=".cache/$1"
  shift 2
  [ "$(cat "$directory/.installed" 2>/dev/null)" = "$key" ] && return 0
  say "installing $name into $directory"
  rm -rf "$directory"
  mkdir -p "$directory"
  (cd "$directory" && retry "$@") || die "could not install $name; run ./dev deps --test again"
  echo "$key" >"$directory/.installed"
}

# The Python packages of tests/requirements.txt, as .cache/python/venv/bin/python.
install_python_packages() {
  local requirements="$PWD/tests/requirements.txt"
  [ -f "$requirements" ] || return 0
  cached python "$(sha256sum <"$requirements")" make_python_environment "$requirements"
}

make_python_environment() {
  /usr/bin/python3 -m venv venv && venv/bin/pip install -q --disable-pip-version-check -r "$1"
}

# A command that a test needs and that the machine may have from elsewhere, else from these Debian packages.
need_command() {
  command -v "$1" >/dev/null && return 0
  shift
  say "installing Debian packages: $*"
  retry as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null || die "apt-get could not install: $*"
}

# The clients of tests/polyglot, each rebuilt when its sources, its pins or the API change.
polyglot_key() { cat "$@" $(find api -name '*.proto' | sort) | sha256sum; }

install_polyglot_clients() {
  local directory="$PWD/tests/polyglot" api="$PWD/api"
  need_command go golang-go
  cached polyglot-go "$(polyglot_key tests/polyglot/go/*)" make_polyglot_go "$directory/go" "$api"
  need_command javac default-jdk-headless
  need_command mvn maven
  cached polyglot-java "$(polyglot_key tests/polyglot/java/pom.xml tests/polyglot/java/src/main/java/prism/*)" \
    make_polyglot_java "$directory/java" "$api"
  need_command node nodejs
  need_command npm npm
  cached polyglot-node "$(polyglot_key tests/polyglot/node/package.json)" make_polyglot_node "$directory/node"
}

make_polyglot_go() {
  cp -r "$1"/. . && mkdir -p kv contract &&
    GOBIN="$PWD/bin" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.31.0 &&
    protoc -I "$2" --plugin=bin/protoc-gen-go --go_out=. --go_opt=module=prismpolyglot \
      --go_opt=Mprism/keyvalue/v1/keyvalue.proto=prismpolyglot/kv \
      --go_opt=Mprism/contract/v1/method.proto=prismpolyglot/contract \
      prism/keyvalue/v1/keyvalue.proto prism/contract/v1/method.proto &&
    go mod tidy && go build -o client .
}

make_polyglot_java() {
  cp -r "$1"/. . && mkdir -p generated &&
    protoc -I "$2" --java_out=generated prism/keyvalue/v1/keyvalue.proto prism/contract/v1/method.proto &&
    mvn -q -B compile dependency:copy-dependencies
}

make_polyglot_node() { cp "$1/package.json" . && npm install --silent --no-audit --no-fund; }

# The Connect client for pages and what makes a bundle of it, for tests/http_clients.
install_http_clients() {
  need_command node nodejs
  need_command npm npm
  cached http-clients "$(sha256sum <tests/http_clients/package.json)" make_polyglot_node "$PWD/tests/http_clients"
}

# Clients of PostgreSQL, for tests/branching_clients.
install_branching_clients() {
  local directory="$PWD/tests/branching_clients"
  need_command go golang-go
  cached branching-pgx "$(cat tests/branching_clients/pgx/* | sha256sum)" make_branching_pgx "$directory/pgx"
  need_command javac default-jdk-headless
  need_command mvn maven
  cached branching-java "$(cat tests/branching_clients/jdbc/{pom.xml,src/main/java/prism/*} | sha256sum)" \
    make_branching_java "$directory/jdbc"
  need_command node nodejs
  need_command npm npm
  cached branching-node "$(cat tests/branching_clients/node/{package.json,schema.prisma} | sha256sum)" \
    make_branching_node "$directory/node"
}

make_branching_pgx() { cp -r "$1"/. . && go mod tidy && go build -o client .; }

make_branching_java() { cp -r "$1"/. . && mvn -q -B compile dependency:copy-dependencies; }

# Prisma's generator wants to download programs that the generated client does not use: it finds others in their place.
make_branching_node() {
  cp "$1"/{package.json,schema.prisma} . && npm install --silent --no-audit --no-fund --ignore-scripts &&
    CHECKPOINT_DISABLE=1 PRISMA_QUERY_ENGINE_LIBRARY=/bin/true PRISMA_SCHEMA_ENGINE_BINARY=/bin/true \
      node_modules/.bin/prisma generate --schema schema.prisma --no-hints
}

# grpcurl, for tests/http_clients. The newest version that the Go of Debian 12 builds.
GRPCURL_VERSION=v1.8.9

install_grpcurl() {
  need_command go golang-go
  cached grpcurl "$GRPCURL_VERSION" make_grpcurl
}

make_grpcurl() { GOBIN="$PWD/bin" go install "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION"; }

# HTTP/2 conformance, for tests/rpc. The newest version that the Go module proxy has.
H2SPEC_VERSION=v2.2.1+incompatible

install_h2spec() {
  need_command go golang-go
  cached h2spec "$H2SPEC_VERSION" make_h2spec
}

# A module without a go.mod of its own takes the newest of what it needs: pinned here.
make_h2spec() {
  printf 'module h2spec\n\ngo 1.19\n' >go.mod &&
    go get "github.com/summerwind/h2spec/cmd/h2spec@$H2SPEC_VERSION" "golang.org/x/net@v0.17.0" \
      "github.com/spf13/cobra@v1.7.0" "github.com/fatih/color@v1.15.0" &&
    GOBIN="$PWD/bin" go install github.com/summerwind/h2spec/cmd/h2spec
}

# The Connect conformance suite, for tests/connect.
CONNECT_CONFORMANCE_VERSION=v1.0.5
# Built with this release of Go, which the suite is too new for Debian's; a module like any other, so that the checksum
# database of Go vouches for it.
GO_TOOLCHAIN_VERSION=v0.0.1-go1.24.11

install_connect_conformance() {
  need_command go golang-go
  cached connectconformance "$CONNECT_CONFORMANCE_VERSION $GO_TOOLCHAIN_VERSION" make_connect_conformance
}

# Modules lie in the cache without permissions to execute: the toolchain is copied out of it.
make_connect_conformance() {
  local version="$GO_TOOLCHAIN_VERSION.linux-$(go env GOARCH)" module
  printf 'module conformance\n\ngo 1.19\n' >go.mod &&
    module="$(go mod download -json "golang.org/toolchain@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" &&
    cp -r "$module" toolchain && chmod -R u+w toolchain && chmod -R a+x toolchain/bin toolchain/pkg/tool &&
    GOTOOLCHAIN=local GOROOT="$PWD/toolchain" GOBIN="$PWD/bin" toolchain/bin/go install \
      "connectrpc.com/conformance/cmd/connectconformance@$CONNECT_CONFORMANCE_VERSION" &&
    rm -rf toolchain
}

# Docker's engine of Debian, for tests/servers/docker.py. Unpacked and not installed: nothing of it starts with the machine.
DOCKER_PACKAGES='docker.io=20.10.* containerd=1.6.* runc=1.1.* tini=0.19.*'

install_docker() { cached docker "$DOCKER_PACKAGES" unpack_docker; }

unpack_docker() {
  local package
  # shellcheck disable=SC2086 # four words
  apt-get -qq download $DOCKER_PACKAGES 2>/dev/null ||
    { as_root apt-get -qq update && apt-get -qq download $DOCKER_PACKAGES; } || return 1
  for package in *.deb; do dpkg-deb -x "$package" . && rm "$package" || return 1; done
}

install_test_tools() {
  install_python_packages
  install_polyglot_clients
  install_http_clients
  install_branching_clients
  install_grpcurl
  install_h2spec
  install_connect_conformance
  install_docker
}
