# `make test` does all the set-up and passes the tests; the other targets say what they do.
.PHONY: test lint fuzz planted pictures journey browser axe parity cuda test-card

# Unit, HTTP, kill and restart tests, and the headless browser.
test: browser axe
	cargo test

# Formatting, lints and the code's documentation: nothing may warn.
lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

# A minute of damaged and hostile files for each parser of what people bring; `make fuzz TIMES=60` for an hour.
TIMES = 1
fuzz:
	GAPWATCH_FUZZ_CASES=$$((6000 * $(TIMES))) cargo test --test intake damaged
	GAPWATCH_FUZZ_CASES=$$((100000 * $(TIMES))) cargo test --lib data::

# A share of the planted faults, by the calibration that is built in: a right cause is to come first.
planted:
	cargo bench --profile dev --bench planted -- --out target/planted --cases 72 --shipped --least 0.7

# Debian's chromium and chromedriver, installed where they are missing and may be.
browser:
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then exit 0; fi; \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver; \
	else \
		echo "The browser tests need chromium and chromedriver. On Debian: sudo apt-get install chromium chromium-driver" >&2; exit 1; \
	fi

# axe-core, for the accessibility of pages, below target/: by npm or pip.
axe:
	.ci/axe

# Every page as a picture, for a desk and a telephone, light and dark, while a run trains and after it: below target/pictures.
pictures: browser
	cargo test --test browser pictures -- --ignored --nocapture

# A new user's way: from an empty home to the demonstration's answer with a proved remedy, clicked and timed in a browser.
journey: browser
	cargo test --release --test browser journey -- --ignored --nocapture

# For NVIDIA cards, with a tool-kit below target/ where there is none; docs/CUDA.md says what can be chosen.
cuda:
	.ci/cuda

# The build for cards on a machine without one: its operations and whole runs, on a card in software.
test-card:
	.ci/card

# Gapwatch against real PyTorch, in a virtual environment below target/: needs Python 3 and a network.
parity: target/parity/bin/python
	cargo build --release
	target/parity/bin/python tests/parity.py target/release/gapwatch

target/parity/bin/python:
	python3 -m venv target/parity
	target/parity/bin/pip install --quiet torch numpy pillow safetensors
