"""Which file is a picture of what: the folders that people use, what is passed over, and why.

Understood: train/<class>/ with test/<class>/ or val/<class>/, in upper or lower case, and, where a
share is to be held out as test set, train/<class>/ or <class>/ alone. What can be read in two ways
is refused with both.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePosixPath
from unicodedata import normalize

from PIL import Image

from alexnet_lib.data.images import DataError, check_names

PARTS = {
    "train": "train", "training": "train",
    "test": "test", "testing": "test",
    "val": "val", "valid": "val", "validation": "val",
}  # fmt: skip

_LAYOUT = "images in train/<class>/ and test/<class>/ (or val/<class>/)"

EXPECTED = (
    "expected the folder cifar-10-batches-py, the file cifar-10-python.tar.gz, or a folder, tar or "
    f"zip of {_LAYOUT}"
)

# Programs put these beside pictures: thumbnails, forks, earlier versions. None holds a class.
_SYSTEM = {"__macosx", "@eadir", "#recycle", "$recycle.bin", "__pycache__", "thumbs.db"}
_SYSTEM |= {"desktop.ini", "lost+found", "icon\r"}

_NO_PICTURES = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}  # Pillow's names

_FOREIGN = set(
    ".heic .heif .hif .avif .jxl .svg .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .raw .webp".split()
)

_NAMED = 5  # of the files that are passed over, by kind


@dataclass
class Passed:
    """Files that are passed over, by the reason."""

    names: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, name: str) -> None:
        """Note one of them."""
        self.names[reason].append(name)

    def __str__(self) -> str:
        told = [f"{len(names):,} {reason} ({some(names)})" for reason, names in self.names.items()]
        return f"Passed over: {'; '.join(told)}." if told else ""


@dataclass(frozen=True)
class Layout:
    """What was found.

    Args:
        rows: name, part ("train" or "test") and class of each picture, by name.
        classes: in the order of their labels.
        notes: sentences on what was done and passed over.
    """

    rows: list[tuple[str, str, str]]
    classes: tuple[str, ...]
    notes: list[str]


@dataclass(frozen=True)
class _Place:
    """A file's place: root/part/class/…/file; part and class are "" where there are none."""

    name: str
    root: str
    folder: str = ""  # the part as it is spelled
    label: str = ""
    inner: bool = False  # lies in a folder inside its class

    @property
    def part(self) -> str:
        return PARTS.get(self.folder.lower(), "")


def find_layout(
    source: str,
    names: Iterable[str],
    share: float | None = None,
    against: Mapping[str, str] = {},
) -> Layout:
    """Find the classes of pictures by the folders that they lie in.

    Args:
        source: the place's name, for messages.
        names: of all files and, with a "/" at the end, of all folders; "/" between folders.
        share: of each class that becomes the test set where the place has none.
        against: why files are passed over, by name, where the name itself does not say so.
    Raises:
        DataError: there is no such layout, or there are two.
    """
    folders, files = [], []
    for name in sorted(names):
        (folders if name.endswith("/") else files).append(name)
    reasons = {name: against.get(name) or _reason_against(name) for name in files}
    places = [_place(name) for name, reason in reasons.items() if not reason]
    roots = sorted({place.root for place in places if place.label})
    if len(roots) > 1:
        where = " and ".join(root or "the folder itself" for root in roots[:4])
        raise DataError(
            f"{source} holds {len(roots)} data sets, in {where}; they are not merged. Name one of "
            "them, or move the others elsewhere."
        )
    passed = Passed()
    for name, reason in reasons.items():
        if reason and "/" in name and (not roots or _place(name).part):  # not a readme on top
            passed.add(reason, name)
    find = _in_parts if roots else _in_classes
    kept, notes = find(source, places, share, passed)
    _pass_over_empty(folders, kept, passed)
    classes = _classes(source, kept, passed)
    if inner := [place.name for place in kept if place.inner]:
        told = some(inner)
        notes.append(
            f"{len(inner):,} pictures in folders inside a class count as its own ({told})."
        )
    rows = [
        (place.name, "train" if place.part in ("", "train") else "test", place.label)
        for place in sorted(kept, key=lambda place: place.name)
    ]
    return Layout(rows, classes, [*notes, *filter(None, [str(passed)])])


def some(names: Sequence[str], most: int = _NAMED) -> str:
    """The first few of many names, and how many more there are."""
    more = f", and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder that it lies in, is a system's or hidden."""
    return any(
        part.startswith(".") or part.lower() in _SYSTEM for part in PurePosixPath(name).parts
    )


def may_be_picture(name: str) -> bool:
    """Whether Pillow reads files with such an ending; a name without one says nothing."""
    end = PurePosixPath(name).suffix.lower()
    return not is_hidden(name) and (not end or end in endings())


def is_foreign(name: str) -> bool:
    """Whether an ending is that of pictures which Pillow, as it is installed, does not read."""
    return PurePosixPath(name).suffix.lower() in _FOREIGN - endings()


@cache
def endings() -> frozenset[str]:
    """The endings of the pictures that Pillow, as it is installed, reads."""
    Image.init()
    kinds = Image.registered_extensions().items()
    return frozenset(end for end, kind in kinds if kind in Image.OPEN and kind not in _NO_PICTURES)


def _reason_against(name: str) -> str:
    """Why a file is passed over, by its name; "" for one that may be a picture."""
    if is_hidden(name):
        return "hidden or the system's"
    if may_be_picture(name):
        return ""
    if is_foreign(name):
        return "of kinds that Pillow does not read here, save them as JPEG"
    return "no pictures"


def _place(name: str) -> _Place:
    """Where the first folder with the name of a part lies, and the class below it."""
    *folders, _file = parts = PurePosixPath(name).parts
    at = next((i for i, folder in enumerate(folders) if folder.lower() in PARTS), None)
    if at is None:
        return _Place(name, "/".join(folders))
    inner = len(parts) > at + 3
    label = _label(folders[at + 1]) if len(folders) > at + 1 else ""
    return _Place(name, "/".join(folders[:at]), folders[at], label, inner)


# --- train/ and test/ ---------------------------------------------------------------------------


def _in_parts(
    source: str, places: list[_Place], share: float | None, passed: Passed
) -> tuple[list[_Place], list[str]]:
    """Pictures of the training part and of the one to test on."""
    parts, flat = defaultdict(list), Counter()
    root = next(place.root for place in places if place.label)
    for place in places:
        if place.root != root or not place.part:
            passed.add("outside train/ and test/", place.name)
        elif place.label:
            parts[place.part].append(place)
        else:
            flat[place.folder] += 1
            passed.add(f"in {place.folder}/ without a folder of a class", place.name)
    _check_spellings(source, parts)
    tested = next((part for part in ("test", "val") if part in parts), None)
    if "train" not in parts or (tested is None and share is None):
        raise DataError(f"{source} holds {_found(parts, flat)}; {_advice('train' in parts)}")
    if tested and share:
        raise DataError(
            f"{source} has a test set, in {parts[tested][0].folder}/; a share is held out only "
            "where there is none. Leave the share out."
        )
    notes = []
    if tested == "test" and "val" in parts:
        word = parts["val"][0].folder
        notes.append(
            f"{len(parts['val']):,} pictures in {word}/ are passed over: test/ is the test set, "
            "and validation pictures are held out of train/."
        )
    return [*parts["train"], *(parts[tested] if tested else [])], notes


def _check_spellings(source: str, parts: dict[str, list[_Place]]) -> None:
    """Refuse two folders for one part, such as train/ and Train/."""
    for part, places in parts.items():
        spellings = sorted({place.folder for place in places})
        if len(spellings) > 1:
            raise DataError(
                f"{source} has {' and '.join(f'{word}/' for word in spellings)}, either of which "
                f"may be its {part} part; expected one. Rename or move the other."
            )


def _found(parts: dict[str, list[_Place]], flat: Counter[str]) -> str:
    """What a place holds, in words."""
    told = [
        f"{places[0].folder}/ with {some(sorted({place.label for place in places}))}"
        for places in parts.values()
    ]
    told += [f"{folder}/ with {count:,} pictures of no class" for folder, count in flat.items()]
    missing = [f"no {part}/<class>/" for part in ("train", "test") if part not in parts]
    return ", ".join([*told, *missing])


def _advice(can_split: bool) -> str:
    offer = " Or let --split 0.2 hold out a fifth of each class as test set." if can_split else ""
    return f"expected {_LAYOUT}.{offer}"


# --- Folders of classes alone -------------------------------------------------------------------


def _in_classes(
    source: str, places: list[_Place], share: float | None, passed: Passed
) -> tuple[list[_Place], list[str]]:
    """Pictures in <class>/, all to train on until a share of each class is held out."""
    if not places:
        told = (
            f"{source} holds neither official batches nor images; {EXPECTED}, there or one folder "
            f"below. {passed}"
        )
        raise DataError(told.rstrip())
    above = [str(PurePosixPath(place.name).parent) for place in places]
    base = PurePosixPath(os.path.commonpath(above))
    kept = [label for place in places if (label := _below(place.name, base))]
    for place in places:
        if not _below(place.name, base):
            passed.add("without a folder of a class", place.name)
    counts = Counter(place.label for place in kept)
    told = some([f"{label}/ with {count:,}" for label, count in sorted(counts.items())])
    if named := [label for label in counts if label.lower() in PARTS]:
        raise DataError(
            f"{source} holds pictures in {told}. Is {named[0]}/ a class of that name, or is it the "
            f"{PARTS[named[0].lower()]} part, whose pictures lack folders of classes? Rename it in "
            f"the first case; else expected {_LAYOUT}."
        )
    for place in kept:
        inside = PurePosixPath(place.name).parts[len(base.parts) + 1 : -1]
        if part := next((folder for folder in inside if folder.lower() in PARTS), None):
            raise DataError(
                f"{source} has {PurePosixPath(place.name).parent}/. Is {part}/ a part of the class "
                f"{place.label}? Then expected {part}/{place.label}/, the other way round. Or do "
                "its pictures count as all others? Then rename it."
            )
    if share is None or len(counts) < 2:
        what = f"pictures in {told}, and no train/" if counts else "pictures without folders"
        raise DataError(f"{source} holds {what}; {_advice(len(counts) > 1)}")
    return kept, []


def _below(name: str, base: PurePosixPath) -> _Place | None:
    """The place of a picture whose class is the first folder below the base."""
    path = PurePosixPath(name)
    parts = path.relative_to(base).parts if path.is_relative_to(base) else ()
    if len(parts) < 2:
        return None
    return _Place(name, str(base), "", _label(parts[0]), len(parts) > 2)


def _label(folder: str) -> str:
    """A folder's name as a class; é is one character, also where a Mac wrote e and an accent."""
    return normalize("NFC", folder)


# --- Classes ------------------------------------------------------------------------------------


def _pass_over_empty(folders: Collection[str], kept: list[_Place], passed: Passed) -> None:
    """Name the folders of classes in which no picture was found, in no part."""
    root, full = kept[0].root, {place.label for place in kept}
    for name in folders:
        inside = name + "x"
        place = _place(inside) if kept[0].folder else _below(inside, PurePosixPath(root))
        if place and place.root == root and place.label and not place.inner:
            if place.label not in full and not is_hidden(name):
                passed.add("empty classes", name)


def _classes(source: str, kept: list[_Place], passed: Passed) -> tuple[str, ...]:
    """Names of the classes, of which training and test have the same, and two at least."""
    train = {place.label for place in kept if place.part in ("", "train")}
    test = {place.label for place in kept if place.part in ("test", "val")} or train
    tested = next((place.folder for place in kept if place.part in ("test", "val")), "test")
    if train != test:
        raise DataError(
            f"{source}: only train/ has the classes {sorted(train - test)}, only {tested}/ has "
            f"{sorted(test - train)}; expected the same in both. {passed}".rstrip()
        )
    if len(train) < 2:
        raise DataError(
            f"{source} has one class, {next(iter(train))!r}; expected two or more, since there is "
            f"nothing to tell it from. {passed}".rstrip()
        )
    if odd := [os.fsencode(label) for label in sorted(train) if not _is_text(label)]:
        raise DataError(
            f"{source} has classes whose names are no UTF-8: {', '.join(map(repr, odd))}; expected "
            "names that can be printed and drawn. Rename their folders."
        )
    check_names(train)
    return tuple(sorted(train))


def _is_text(name: str) -> bool:
    """Whether a name is made of characters alone; Python keeps other bytes as lone surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in name)
