"""A stranger's machine is not this one: no file names its paths or a host to fetch from."""

import re
from pathlib import Path

# Folders that every Unix has; what else lies at the root belongs to one machine.
EVERYWHERE = {"bin", "dev", "etc", "lib", "lib64", "mnt", "opt", "proc", "run", "sbin"}
EVERYWHERE |= {"srv", "sys", "usr", "var"}
# Addresses that documents point at: specifications, vocabularies, licences, this machine.
HOSTS = {
    "127.0.0.1",
    "c2sp.org",
    "data.europa.eu",
    "esco.ec.europa.eu",
    "keepachangelog.com",
    "localhost",
    "semver.org",
    "url.spec.whatwg.org",
    "www.apache.org",
    "www.census.gov",
    "www.postgresql.org",
    "www.rfc-editor.org",
    "www.w3.org",
}
RESERVED = re.compile(r"(?:^|\.)(?:example(?:\.(?:com|org|net))?|invalid|test)$")
HOST = re.compile(r"\bhttps?://(?:[^/\s@\"'<>]+@)?([A-Za-z0-9.-]+)")
REGISTRY_OPTION = re.compile(r"--(?:extra-)?index-url|--find-links\s+\S+://|--registry[ =]")
TEXT = {"", ".cfg", ".in", ".ini", ".json", ".lock", ".md", ".py", ".sh", ".sql", ".toml", ".yml"}


def texts(tracked: list[Path]) -> dict[Path, str]:
    """Read the files that people write and that start something."""
    return {path: path.read_text(encoding="utf-8") for path in tracked if path.suffix in TEXT}


def test_no_path_of_one_machine(tracked: list[Path]) -> None:
    """No file names a folder that lies at the root of this machine and not of every other."""
    own = {path.name for path in Path("/").iterdir() if path.is_dir()} - EVERYWHERE - {"tmp"}
    folders = "|".join(re.escape(name) for name in sorted(own))
    # Every Unix has /tmp, but what lies in it is one machine's.
    absolute = re.compile(rf"(?<![\w.*$}})>~/-])/(?:tmp/\w|(?:{folders})(?=/[\w.]|[\"'`\s:]))")
    found = {
        str(path): match[0]
        for path, text in texts(tracked).items()
        if (match := absolute.search(text))
    }

    assert {} == found


def test_no_host_to_fetch_from(tracked: list[Path]) -> None:
    """Every host in a file is a document's, this machine's own, or reserved for examples."""
    named = {
        (host, path.name)
        for path, text in texts(tracked).items()
        for host in HOST.findall(text)
        if host not in HOSTS and not RESERVED.search(host)
    }

    assert set() == named


def test_no_registry_is_chosen(tracked: list[Path]) -> None:
    """Where packages come from is the business of the machine that installs them."""
    files = texts(tracked).items()
    found = {path.name for path, text in files if REGISTRY_OPTION.search(text)}

    assert set() == found - {Path(__file__).name, "tox.ini"}
