"""MusicXML before music21 reads it: unpacked, decoded, at sounding pitch, its parts named.

music21 fails where `<transpose>` has an `octave-change` and no `diatonic`, and leaves pitches as
written; so the element is read here and taken out, and the notes are moved by what it said.
"""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass, field
from urllib.parse import unquote
from xml.etree import ElementTree

from domains.midi.notation import MAX_BARS
from domains.midi.reading.text import decoded
from tvae_core.domain import DomainError

MAX_UNPACKED = 20_000_000
MAX_ENTRIES = 1000
MAX_TRIED = 16
"""Files of an archive that are looked at for a score."""
MAX_NOTES = 10_000
MAX_PARTS = 32
_CONTAINER = "META-INF/container.xml"
_ROOT_FILE = re.compile(r"<rootfile\b[^>]*\bfull-path\s*=\s*[\"']([^\"']+)[\"']")
_DECLARATION = re.compile(r"<!ENTITY|<!DOCTYPE[^>\[]*\[", re.IGNORECASE)
_ENCODING = re.compile(rb"\s*<\?xml[^>]{0,80}?\bencoding\s*=\s*[\"']([\w.-]{1,40})[\"']")
_ROOT = re.compile(r"<(?:\w+:)?(score-partwise|score-timewise|opus)\b")
_XML = (".xml", ".musicxml")


@dataclass(slots=True)
class XmlPart:
    """A part: its name, and how many semitones above what is written each of its bars sounds."""

    name: str
    shifts: list[int] = field(default_factory=list)


@dataclass(slots=True)
class SoundingXml:
    """A score without transpositions, its parts called `part 0`, `part 1`, ... in `text`."""

    text: str
    parts: list[XmlPart]
    notes: int
    unpitched: int


def xml_text(data: bytes, suffix: str) -> str:
    """The text of a .musicxml, .xml or .mxl file, compressed or not.

    Raises:
        DomainError: it is none.
    """
    if data[:2] == b"PK":
        data = _unpacked(data)
    elif suffix == ".mxl" and "<" not in _decoded(data[:1000])[:200]:
        raise DomainError("no readable compressed MusicXML: it is neither an archive nor XML")
    return _decoded(data)


def sounding_xml(text: str) -> SoundingXml:
    """A score with its transpositions taken out.

    Raises:
        DomainError: it is no MusicXML, is damaged, or has too many notes, bars or parts.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith("<"):
        raise DomainError("no XML, as a MusicXML file should be")
    if _DECLARATION.search(text):
        raise DomainError("XML that declares entities is not read")
    root = _ROOT.search(text)
    if root is None:
        raise DomainError("no MusicXML: it has no score")
    if root[1] != "score-partwise":
        raise DomainError(f"a {root[1]} of MusicXML; only score-partwise is read")
    notes = text.count("<note")
    if notes > MAX_NOTES:
        raise DomainError(f"{notes:,} notes; at most {MAX_NOTES:,} are read")
    if text.count("<measure") > MAX_BARS * MAX_PARTS:
        raise DomainError(f"more than {MAX_BARS:,} bars")
    try:
        tree = ElementTree.fromstring(text[root.start() :])
    except ElementTree.ParseError as error:
        raise DomainError(f"damaged XML: {error}") from None
    return _without_transpositions(tree, notes)


def _without_transpositions(tree: ElementTree.Element, notes: int) -> SoundingXml:
    names: dict[str, ElementTree.Element] = {}
    for listed in tree.iterfind("part-list/score-part"):
        name = listed.find("part-name")
        if name is None:
            name = ElementTree.SubElement(listed, "part-name")
        names[listed.get("id", "")] = name
    parts = []
    for place, part in enumerate(tree.findall("part")):
        label = names.get(part.get("id", ""))
        parts.append(
            XmlPart(" ".join((label.text or "").split())[:200] if label is not None else "")
        )
        if label is not None:
            label.text = f"part {place}"
        shift = 0
        for measure in part.findall("measure"):
            for attributes in measure.findall("attributes"):
                for transpose in attributes.findall("transpose"):
                    shift = _semitones(transpose)
                    attributes.remove(transpose)
            parts[-1].shifts.append(shift)
    unpitched = sum(1 for _ in tree.iter("unpitched"))
    return SoundingXml(ElementTree.tostring(tree, "unicode"), parts, notes, unpitched)


def _semitones(transpose: ElementTree.Element) -> int:
    """From the written to the sounding pitch; a doubling an octave lower is not taken for notes."""
    octaves = _number(transpose.findtext("octave-change"))
    return _number(transpose.findtext("chromatic")) + 12 * octaves


def _number(text: str | None) -> int:
    try:
        value = round(float((text or "0").strip() or "0"))
    except (OverflowError, ValueError):
        raise DomainError("a transposition that is no number") from None
    if abs(value) > 100:
        raise DomainError(f"a transposition by {value}")
    return value


def _decoded(data: bytes) -> str:
    """Text in UTF-16 with or without a mark, in what its first line says, or as other files'."""
    if data[:4] in (b"<\0?\0", b"<\0s\0", b"<\0!\0"):
        return data.decode("utf-16-le", "replace")
    if data[:4] in (b"\0<\0?", b"\0<\0s", b"\0<\0!"):
        return data.decode("utf-16-be", "replace")
    said = _ENCODING.match(data)
    if said is not None and not said[1].lower().startswith((b"utf", b"ucs", b"iso-10646")):
        try:
            return data.decode(said[1].decode())
        except (LookupError, UnicodeError):
            pass
    return decoded(data)


def _unpacked(data: bytes) -> bytes:
    """The score of a compressed MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > MAX_ENTRIES:
                raise DomainError(f"an archive of more than {MAX_ENTRIES:,} files")
            for name in _candidates(archive, names)[:MAX_TRIED]:
                content = _entry(archive, name)
                if _ROOT.search(_decoded(content)) or _DECLARATION.search(_decoded(content)):
                    return content
            raise DomainError("an archive without a MusicXML score")
    except DomainError:
        raise
    except Exception as error:  # zipfile seeks and unpacks whatever a directory says
        raise DomainError(f"no readable compressed MusicXML: {error}") from error


def _candidates(archive: zipfile.ZipFile, names: list[str]) -> list[str]:
    """Files that may be the score: what the container names first, none that a Mac leaves."""
    found = []
    if _CONTAINER in names:
        by_name = {name.casefold(): name for name in reversed(names)}
        for told in _ROOT_FILE.findall(_decoded(_entry(archive, _CONTAINER))):
            path = unquote(told).replace("\\", "/").removeprefix("./").removeprefix("/").casefold()
            found += [by_name[key] for key in (told.casefold(), path) if key in by_name]
    for name in names:
        parts = name.split("/")
        hidden = parts[0] in ("META-INF", "__MACOSX") or parts[-1].startswith(".")
        if name.lower().endswith(_XML) and not hidden:
            found.append(name)
    return list(dict.fromkeys(found))


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        content = file.read(MAX_UNPACKED + 1)
    if len(content) > MAX_UNPACKED:
        raise DomainError(f"larger than {MAX_UNPACKED // 1_000_000} MB when unpacked")
    return content
