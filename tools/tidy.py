#!/usr/bin/env python3
"""Checks what the compiler does not: layers, coroutine forms, sizes, and that documents name files that exist.

  tools/tidy.py            all checks; sizes are findings that do not fail
  tools/tidy.py --layers   only what fails the build: layers, coroutine forms, documents
Exit code 1 when a rule is broken.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"

LAYERS = [
    ["base"],
    ["io", "telemetry", "config"],
    ["sip", "sdp", "rtp", "srtp", "http", "markup", "store", "flow"],
    ["codec"],
    ["media", "policy"],
    ["link"],
    ["call"],
    ["script", "api"],
    ["gateway", "router", "policy_server", "media_server"],
    ["sim", "lab"],
    ["policy_world"],
    ["app"],
]
# An outside library has one owner folder (and the folders below that may see its vocabulary types).
OWNERS = {
    "boost/asio": {"io", "http"},
    "boost/beast": {"http"},
    "curl/": {"http"},
    "expat.h": {"markup"},
    "sqlite3.h": {"store"},
    "spdlog/": {"telemetry"},
    "toml": {"config"},
    "CLI/": {"app"},
    "spandsp": {"media", "codec"},
    "opus/": {"codec", "media"},
    "ogg/": {"media"},
    "wslay/": {"http"},
    "lame/": {"media"},
    "bcg729/": {"codec"},
    "opencore-amrnb/": {"codec"},
    "flite": {"media"},
    "mpg123": {"media"},
    "webm/": {"media"},
    "ares.h": {"io"},
    "ldns/": {"policy_server"},
    "bpf/": {"flow"},
}
FILE_FINDING, FUNCTION_FINDING = 900, 70

level = {folder: index for index, layer in enumerate(LAYERS) for folder in layer}
broken, findings = [], []


def sources():
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in (".cpp", ".hpp"):
            yield path


def check_layers(path, text):
    folder = path.relative_to(SOURCE).parts[0]
    if folder not in level:
        broken.append(f"{path.relative_to(ROOT)}: the folder '{folder}' is in no layer")
        return
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{path.relative_to(ROOT)}:{number}"
        own = re.match(r'#include "([a-z_]+)/', line)
        if own and own[1] != folder:
            other = own[1]
            if other not in level:
                broken.append(f"{place}: unknown folder '{other}'")
            elif level[other] > level[folder]:
                broken.append(f"{place}: '{folder}' reaches up to '{other}'")
            elif level[other] == level[folder]:
                broken.append(f"{place}: '{folder}' includes its peer '{other}'")
        outside = re.match(r"#include <([^>]+)>", line)
        if outside:
            for prefix, owners in OWNERS.items():
                if outside[1].startswith(prefix) and folder not in owners:
                    broken.append(f"{place}: <{outside[1]}> belongs to {', '.join(sorted(owners))}")


def awaits_in_condition(code):
    """True when the parentheses of an if, while or switch hold a co_await."""
    for found in re.finditer(r"\b(?:if|while|switch)\s*(?:constexpr\s*)?\(", code):
        depth = 1
        for at in range(found.end(), len(code)):
            depth += {"(": 1, ")": -1}.get(code[at], 0)
            if depth == 0:
                break
        if "co_await" in code[found.end():at]:
            return True
    return False


def check_coroutines(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        code = line.split("//")[0]
        place = f"{path.relative_to(ROOT)}:{number}"
        if code.count("co_await") > 1:
            broken.append(f"{place}: more than one co_await in a statement")
        if awaits_in_condition(code):
            broken.append(f"{place}: co_await stands in a condition")
        if "co_await" in code and re.search(r"\?[^:]*:", code) and re.search(r"\?.*co_await|co_await.*\?", code):
            broken.append(f"{place}: co_await stands in ?:")
        if re.search(r"co_await\s+[\w.>:-]+\([^)]*\{", code):
            broken.append(f"{place}: a braced temporary is made inside an awaited call")


def check_sizes(path, text):
    lines = text.splitlines()
    name = path.relative_to(ROOT)
    if len(lines) > FILE_FINDING:
        findings.append(f"{name}: {len(lines)} lines")
    start = None
    for number, line in enumerate(lines, 1):
        if re.match(r"^[\w:<>,&*~\[\] ]+\(.*\{$|^[\w:<>,&*~\[\] ]+.*\) (const )?\{$", line) and "namespace" not in line:
            start = (number, line.strip())
        if line.startswith("}") and start:
            if number - start[0] > FUNCTION_FINDING:
                findings.append(f"{name}:{start[0]}: a function of {number - start[0]} lines: {start[1][:80]}")
            start = None


def check_documents():
    for document in sorted((ROOT / "docs").rglob("*.md")) + [ROOT / "README.md"]:
        if not document.exists():
            continue
        for named in re.findall(r"`((?:src|tests|tools|demo|docs)/[\w./-]+\.\w+)`", document.read_text()):
            if not (ROOT / named).exists():
                broken.append(f"{document.relative_to(ROOT)}: names {named}, which does not exist")


for path in sources():
    text = path.read_text()
    check_layers(path, text)
    check_coroutines(path, text)
    check_sizes(path, text)
check_documents()

for line in broken:
    print(f"broken: {line}")
if "--layers" not in sys.argv:
    for line in findings:
        print(f"finding: {line}")
print(f"tidy: {len(broken)} broken, {len(findings)} findings")
sys.exit(1 if broken else 0)
