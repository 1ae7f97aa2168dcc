# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet.ko against kernels that are not in the laboratory: older and newer forms, other processors.

In:  headers of the laboratory's kernels; Debian's for other architectures.
Out: builds that must compile and link; as a program: those named, "6.1-older" or "arm64", or all.

A distribution takes over what suits it, so any form of an interface may meet any release. What
guest/Kbuild looks up in the headers is brought into the other form in a copy of them. The copy is for
the compiler only: what it builds is never loaded.
"""
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.cache import cache_dir
from lab.headers import GUEST, foreign_headers, headers, module

HAS = re.compile(r"-DCOMPAT_HAS_(\w+)")
PROBES = frozenset(re.findall(r"\$\(call has,.*,(\w+)\)", (GUEST / "Kbuild").read_text()))


@dataclass(frozen=True)
class Edit:
    """One interface changed in one header of include/linux. A header where the pattern is not found
    has that form already."""

    header: str
    pattern: str  # a dot matches the end of a line too
    new: str
    symbols: tuple[str, ...] = ()  # what the kernel then exports


BALLOON = {"older": "balloon_compaction.h", "newer": "balloon.h"}
MIGRATE_FIELD = r"(enum migrate_mode mode\);\n)"
FIND_VQS = r"int virtio_find_vqs\(struct virtio_device \*vdev, unsigned{}[^{{]*\{{.*?\n\}}"
RECLAIM = r"[ \t]*PG(?:STEAL|SCAN)_(?:KSWAPD|DIRECT),\n"
COUNTS = "\tPGSTEAL_KSWAPD, PGSTEAL_DIRECT, PGSCAN_KSWAPD, PGSCAN_DIRECT,\n"
MOVES = """
static inline void balloon_page_insert(struct balloon_dev_info *balloon, struct page *page)
{
	list_add(&page->lru, &balloon->pages);
}
"""
DELETE = """static inline void balloon_page_delete(struct page *page)
{
	list_del(&page->lru);
}
"""
CALLBACKS = """int virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		    vq_callback_t *callbacks[], const char * const names[], struct irq_affinity *desc)
{
	return vqs && callbacks && names ? 0 : -EINVAL;
}"""
INFO = """struct virtqueue_info {
	const char *name;
	vq_callback_t *callback;
	bool ctx;
};

static inline
int virtio_find_vqs(struct virtio_device *vdev, unsigned int nvqs, struct virtqueue *vqs[],
		    struct virtqueue_info vqs_info[], struct irq_affinity *desc)
{
	return vqs && vqs_info ? 0 : -EINVAL;
}"""

FORMS = {
    "older": (
        Edit("balloon_compaction.h", r"static inline void balloon_page_finalize\(.*?\n\}\n", DELETE),
        Edit("balloon_compaction.h", MIGRATE_FIELD + r"\};", r"\1\tstruct inode *inode;\n};"),
        Edit("balloon_compaction.h", r"extern const struct movable_operations balloon_mops;",
             r"\g<0>\nextern const struct address_space_operations balloon_aops;", ("balloon_aops",)),
        Edit("balloon.h", r"\tbool adjust_managed_page_count;\n",
             "\tspinlock_t pages_lock;\n\tstruct inode *inode;\n"),
        Edit("balloon.h", r"\tballoon->adjust_managed_page_count = false;\n", ""),
        Edit("balloon.h", r"#endif /\* _LINUX_BALLOON_H \*/",
             "extern const struct address_space_operations balloon_aops;\n" + MOVES + DELETE + r"\g<0>",
             ("balloon_aops",)),
        Edit("mm.h", r"\bpage_poisoning_enabled_static\b", "page_poisoning_is_enabled"),
        Edit("mm.h", r"static inline bool page_poisoning_enabled\(void\)\n\{.*?\n\}",
             "extern bool page_poisoning_enabled(void);"),
        Edit("page_reporting.h", r"\tunsigned int order;\n", ""),
        Edit("page_reporting.h", r"#define PAGE_REPORTING_ORDER_UNSPECIFIED[^\n]*\n", ""),
        Edit("shrinker.h", r"(?:__printf\(2, 3\)\n)?struct shrinker \*shrinker_alloc\(.*?;",
             "int register_shrinker(struct shrinker *shrinker);\n"
             "void unregister_shrinker(struct shrinker *shrinker);",
             ("register_shrinker", "unregister_shrinker")),
        Edit("shrinker.h", r"int __printf\(2, 3\) register_shrinker\(.*?;",
             "int register_shrinker(struct shrinker *shrinker);"),
        Edit("shrinker.h", r"char \*fmt", "char *name"),
        Edit("virtio.h", r"void virtio_reset_device\([^;]*;\n", ""),
        Edit("virtio_config.h", r"static inline\nstruct virtqueue \*virtio_find_single_vq\(.*?\n\}", ""),
        Edit("virtio_config.h", FIND_VQS.format(" int"), CALLBACKS),
        Edit("virtio_config.h", r"struct virtqueue_info \{", "struct virtqueue_info_of_later {"),
        Edit("virtio_config.h", r"struct virtqueue_info vqs_info", "struct virtqueue_info_of_later info"),
        Edit("mmzone.h", RECLAIM, ""),
        Edit("vm_event_item.h", r"\A(?!.*PGSTEAL_KSWAPD)(.*)(\t\tPGSCAN_DIRECT_THROTTLE)",
             r"\1" + COUNTS + r"\2"),
    ),
    "newer": (
        Edit("balloon_compaction.h", r"#ifdef CONFIG_BALLOON_COMPACTION\n.*(?=#endif /\* _LINUX)", ""),
        Edit("balloon_compaction.h", r"\tspinlock_t pages_lock;[^\n]*\n", ""),
        Edit("balloon_compaction.h", r"\tspin_lock_init\(&balloon->pages_lock\);\n", ""),
        Edit("balloon_compaction.h", r"\tstruct inode \*inode;\n", ""),
        Edit("balloon_compaction.h", r"\tballoon->inode = NULL;\n", ""),
        Edit("balloon_compaction.h", MIGRATE_FIELD + r"\};",
             r"\1\tbool adjust_managed_page_count;\n};"),
        Edit("mm.h", r"extern bool page_poisoning_enabled\(void\);\n",
             r"\g<0>static inline bool page_poisoning_enabled_static(void) { return true; }\n"),
        Edit("page_reporting.h", r"(\tatomic_t state;\n)\};", r"\1\tunsigned int order;\n};"),
        Edit("page_reporting.h", r"#define PAGE_REPORTING_CAPACITY\t+32\n(?!#define)",
             r"\g<0>#define PAGE_REPORTING_ORDER_UNSPECIFIED\t-1\n"),
        Edit("shrinker.h", r"(\tunsigned flags;\n)(\n\t/\* These)", r"\1\tvoid *private_data;\n\2"),
        Edit("shrinker.h", r"extern int (?:__printf\(2, 3\) )?register_shrinker\(.*?;",
             "struct shrinker *shrinker_alloc(unsigned int flags, const char *fmt, ...);\n"
             "void shrinker_register(struct shrinker *shrinker);\n"
             "void shrinker_free(struct shrinker *shrinker);",
             ("shrinker_alloc", "shrinker_register", "shrinker_free")),
        Edit("virtio.h", r"\A(?!.*virtio_reset_device)(.*)(\n#endif)",
             r"\1\nvoid virtio_reset_device(struct virtio_device *dev);\2", ("virtio_reset_device",)),
        Edit("virtio_config.h", r"static inline\n" + FIND_VQS.format(" nvqs"), INFO),
        Edit("vm_event_item.h", RECLAIM, ""),
        Edit("mmzone.h", r"\A(?!.*PGSTEAL_KSWAPD)(.*)(\tNR_VM_NODE_STAT_ITEMS\n)",
             r"\1" + COUNTS + r"\2"),
    ),
}


@dataclass(frozen=True)
class Arch:
    """Another processor, and what Debian has for it."""

    suite: str
    arch: str  # Debian's word
    package: str
    make: tuple[str, ...]
    config: tuple[tuple[str, str], ...] = ()  # in autoconf.h


ARM64 = ("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "CC=aarch64-linux-gnu-gcc")
ARCHES = {
    "i386": Arch("bookworm", "i386", "linux-headers-686-pae",
                 ("ARCH=i386", "CROSS_COMPILE=i686-linux-gnu-", "CC=i686-linux-gnu-gcc")),
    "arm64": Arch("bookworm", "arm64", "linux-headers-arm64", ARM64),
    "arm64-64k": Arch("bookworm", "arm64", "linux-headers-arm64", ARM64, (
        ("CONFIG_ARM64_4K_PAGES 1", "CONFIG_ARM64_64K_PAGES 1"),
        ("CONFIG_ARM64_PAGE_SHIFT 12", "CONFIG_ARM64_PAGE_SHIFT 16"),
        ("CONFIG_PGTABLE_LEVELS 4", "CONFIG_PGTABLE_LEVELS 3"))),
    "riscv64": Arch("trixie", "riscv64", "linux-headers-riscv64",
                    ("ARCH=riscv", "CROSS_COMPILE=riscv64-linux-gnu-", "CC=riscv64-linux-gnu-gcc")),
}


@contextmanager
def other_form(series: str, form: str) -> Iterator[Path]:
    """The build folder of @series with all that is probed in its @form, in a copy."""
    with _copied(headers(series)) as build:
        include = next(build.parent.glob("linux-headers-*-common")) / "include" / "linux"
        symbols = ["_page_poisoning_enabled", "page_poisoning_enabled"]
        for edit in FORMS[form]:
            path = include / edit.header
            if path.exists() and _rewrite(path, edit.pattern, edit.new):
                symbols += edit.symbols
        other = include / BALLOON["newer" if form == "older" else "older"]
        if other.exists():
            other.rename(include / BALLOON[form])
        # Debian's kernels do not check for poison, others do
        _rewrite(build / "include" / "generated" / "autoconf.h", r"\Z", "#define CONFIG_PAGE_POISONING 1\n")
        _rewrite(build / "Module.symvers", r"\Z",
                 "".join(f"0x00000000\t{name}\tvmlinux\tEXPORT_SYMBOL\t\n" for name in symbols))
        yield build


@contextmanager
def _copied(found: Path) -> Iterator[Path]:
    """A copy of the headers around @found to change: files are links, and written anew."""
    place = found.parents[2]
    with tempfile.TemporaryDirectory(prefix=".matrix.", dir=cache_dir()) as scrap:
        subprocess.run(["cp", "-al", place, f"{scrap}/headers"], check=True)
        yield Path(scrap) / "headers" / found.relative_to(place)


def _rewrite(path: Path, pattern: str, new: str) -> bool:
    """Replaces what is found by a file of its own; False where nothing is."""
    text, count = re.subn(pattern, new, path.read_text(encoding="utf-8"), flags=re.DOTALL)
    if count:
        path.unlink()
        path.write_text(text, encoding="utf-8")
    return count > 0


def build_arch(name: str) -> Path:
    """Compiles and links the driver for another processor."""
    arch = ARCHES[name]
    found = foreign_headers(arch.arch, arch.suite, arch.package)
    if not arch.config:
        return module(name, build=found, make=arch.make)
    with _copied(found) as build:
        for old, new in arch.config:
            if not _rewrite(build / "include" / "generated" / "autoconf.h", rf"\b{old}\b", new):
                raise RuntimeError(f"{arch.package} has no {old}")
        return module(name, build=build, make=arch.make)


def build_form(series: str, form: str) -> set[str]:
    """Builds the driver against @form of @series; returns which probes found something."""
    with other_form(series, form) as build:
        return probes(module(series, build=build, variant=form))


def probes(built: Path) -> set[str]:
    """What guest/Kbuild had found when this module was built."""
    return set(HAS.findall((built.parent / ".main.o.cmd").read_text(encoding="utf-8")))


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        if wanted in ARCHES:
            print(build_arch(wanted), flush=True)
        else:
            print(wanted, *sorted(build_form(*wanted.split("-"))), flush=True)
