# Two commands matter: `make demo` and `make test`. Each is complete on a fresh Debian 12: it installs what it needs
# (tools/packages.txt, through apt, as root or with sudo), builds and runs.
.PHONY: help build demo test packages test-debug test-asan bench tidy format clean
JOBS ?= $(shell nproc)

help:
	@echo "make demo    build, then watch phones call each other across five regions (report: out/demo/report.html)"
	@echo "make test    build debug and asan, run unit, simulator, fuzz, interoperability and lab tests under both"
	@echo "make build   the release binary: build/release/nearend"
	@echo "make bench   measure what docs/benchmarks.md states"
	@echo "make tidy    layers, coroutine forms, sizes, formatting"

packages:
	@tools/install-packages

build: packages
	@cmake --preset release > build-release.log 2>&1 || { cat build-release.log; exit 1; }; rm -f build-release.log
	cmake --build --preset release -j $(JOBS)

demo: build
	build/release/nearend demo

test: packages
	@python3 tools/tidy.py --layers
	cmake --preset debug
	cmake --build --preset debug -j $(JOBS)
	cmake --preset asan
	cmake --build --preset asan -j $(JOBS)
	ctest --preset debug -j $(JOBS)
	ctest --preset asan -j $(JOBS)

test-debug: packages
	cmake --preset debug && cmake --build --preset debug -j $(JOBS) && ctest --preset debug

bench: build
	@tools/install-packages tools/packages-bench.txt
	tools/bench

tidy:
	python3 tools/tidy.py

format:
	git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 -i

clean:
	rm -rf build out
