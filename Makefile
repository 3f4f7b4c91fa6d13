# `make demo` builds it and runs the main job, `make test` runs the tests.
PREFIX ?= /usr/local
TARGET ?= $(shell uname -m)-unknown-linux-musl
# What a release has beside it.
OTHERS := $(filter-out $(TARGET),x86_64-unknown-linux-musl aarch64-unknown-linux-musl x86_64-pc-windows-gnu aarch64-pc-windows-gnullvm x86_64-apple-darwin aarch64-apple-darwin)
STATIC := target/$(TARGET)/release/kubelogin
export KUBELOGIN_GIT_HASH := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
export KUBELOGIN_RUSTC := $(shell rustc --version 2>/dev/null | cut -d' ' -f1,2)
# The commit's time, so that building one commit twice gives the same bytes.
export KUBELOGIN_BUILD_TIME := $(shell TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || echo unknown)

.PHONY: oidc-test oidc-keycloak-test build test check static cross cross-test dist pack dist-test reproducible install static-test az-test demo bench load fuzz \
	fuzz-briefly fuzz-release shapes deny readme peers github-check ci release-check

build: ## the program for this machine: target/release/kubelogin
	scripts/build

demo: ## the main job on a machine without any Azure account
	cargo build --locked --bins --examples
	cargo run --quiet --locked --example demo -- target/debug/kubelogin

# Most tests wait for a process or a pause more than they compute: many run at once on few processors.
test: ## all tests, against the program as users run it; last it names the tests that were skipped
	@mkdir -p target && rm -f target/skipped
	@KUBELOGIN_SKIPPED=$(CURDIR)/target/skipped cargo test --locked -- --test-threads 8; \
	status=$$?; [ ! -e target/skipped ] || sort -u target/skipped >&2; exit $$status

check: ## format and lints
	cargo fmt --check
	cd fuzz && cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

static: ## the fully static program: target/<arch>-unknown-linux-musl/release/kubelogin
	scripts/build $(TARGET)
	@ls -l $(STATIC)

cross: ## the programs for the five other platforms
	for target in $(OTHERS); do scripts/build $$target || exit 1; done

cross-test: static cross ## runs in emulators what they can run: arm64 Linux and Windows
	scripts/cross-test

dist: static cross pack ## a release: archives, packages, installers' files, an image: target/dist

pack: ## packs what was built; RELEASE_URL is the address of the folder that it will be downloaded from
	scripts/dist
	scripts/installers

dist-test: dist ## takes it as those do who install the original
	scripts/dist-test

reproducible: ## a release built from a clone in another folder has the same bytes
	scripts/reproducible

install: static ## to $(DESTDIR)$(PREFIX)/bin, with the manual page
	install -D -m 755 $(STATIC) $(DESTDIR)$(PREFIX)/bin/kubelogin
	ln -sf kubelogin $(DESTDIR)$(PREFIX)/bin/kubectl-oidc_login
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	$(STATIC) help --man > $(DESTDIR)$(PREFIX)/share/man/man1/kubelogin.1

static-test: static ## runs it in an empty root folder: no libc, no /etc but what it is given
	scripts/static-test $(STATIC)
	scripts/imds-test $(STATIC)

az-test: static ## the real Azure CLI, signed in at a make-believe cloud
	scripts/az-test $(STATIC)

bench: static ## size, memory, instructions and requests of the whole process
	scripts/bench $(STATIC)

load: ## two minutes of 200 processes at a time on one cache
	LOAD_SECONDS=120 cargo test --locked --test integration -- flow::load --nocapture

SECONDS ?= 60
fuzz: ## every fuzz target for SECONDS each
	scripts/fuzz $(SECONDS)

deny: ## advisories, licences, duplicates and sources of the dependencies
	scripts/deny

readme: ## writes the flag reference of README.md from the flag table
	WRITE_README=1 cargo test --locked --lib the_readme_has -- --test-threads 1

peers: ## other people's programs that the tests can use, from PyPI and npm
	scripts/python-peers
	scripts/oidc-provider >/dev/null

oidc-test: ## sign-ins at a certified OpenID provider in Node, and at a hostile one of our own
	scripts/oidc-provider >/dev/null
	cargo test --locked --test integration -- --test-threads 8 oidc

oidc-keycloak-test: static ## sign-ins at a real Keycloak, with Chromium on its login page (Java 17, Maven)
	scripts/keycloak-test $(STATIC)

fuzz-briefly: ## every fuzz target for 10 s on the kept corpus
	scripts/fuzz 10

fuzz-release: ## five minutes of fuzzing, by as many targets at a time as there are processors
	scripts/fuzz $$((300 * $$(nproc) / $$(ls fuzz/fuzz_targets | wc -l) + 1))

github-check: ## the workflows and forms of .github
	scripts/github-check

# What CI runs on each change: half an hour at most on two processors.
ci: peers check github-check test demo static-test az-test fuzz-briefly deny ## what CI runs

shapes: ## what kubectl reads before and after conversion, of 5,000 random kubeconfigs
	KUBELOGIN_CASES=5000 cargo test --locked --test integration -- convert::shapes

# What a release needs beyond that; Windows and arm64 in emulators, everything built twice.
release-check: reproducible dist-test cross-test bench fuzz-release shapes oidc-keycloak-test ## before each release, beside `make ci`
