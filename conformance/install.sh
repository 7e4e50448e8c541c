# Installs the official SDKs into ignored folders, in the exact versions of the lock files. `run` and `record` source this.
# Each function fails where its SDK cannot be had, and says why in `missing`.

install_javascript() {
    local here=conformance/js
    missing="no node"
    command -v node >/dev/null && command -v npm >/dev/null || return 1
    ! cmp -s $here/package-lock.json $here/node_modules/.installed || return 0
    missing="cannot install @upstash/qstash"
    timeout 300 npm ci --prefix $here --loglevel=error || return 1
    cp $here/package-lock.json $here/node_modules/.installed
}

install_python() {
    local here=conformance/python
    missing="no python3"
    command -v python3 >/dev/null || return 1
    ! cmp -s $here/requirements.txt $here/.venv/installed || return 0
    missing="cannot install qstash"
    rm -rf $here/.venv
    python3 -m venv $here/.venv || return 1
    timeout 300 $here/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        -r $here/requirements.txt || return 1
    cp $here/requirements.txt $here/.venv/installed
}
