"""ABC notation: what is read of it, after the standard 2.1, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domains.midi.items import read_excerpt, read_item
from domains.midi.notation import format_score, parse_score
from domains.midi.reading import Reading, read_file, read_music
from tests.domains.midi.reading import compare_abc2midi
from tests.examples import examples
from tvae_core.domain import DomainError

CASES = Path(__file__).parents[3] / "cases" / "music"
HEAD = "X:1\nT:A tune\nM:4/4\nL:1/4\nK:C\n"
SCALE = "C4:24D4:24E4:24F4:24|G4:24A4:24B4:24C5:24"


def reading(text: str | bytes) -> Reading:
    return read_file(text.encode() if isinstance(text, str) else text, "a.abc")


def bars(text: str | bytes) -> str:
    """The bars of a tune that is one stretch."""
    (piece,) = reading(text).pieces
    return format_score(piece.score)


def music(notes: str) -> str:
    text = bars(HEAD + notes)
    assert text.startswith("0 |4/4 ")
    return text[len("0 |4/4 ") :]


def told(text: str | bytes) -> tuple[str, ...]:
    return reading(text).pieces[0].told


def refused(text: str) -> str:
    ((_, reason),) = reading(text).rejected
    return reason


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("b01_double_repeat_no_space", "1# |6/8 C5:12D5:12E5:12G5:24E5:12|F5:12D5:12B4:12C5:24D5:12"
         "|E5:12G5:12E5:12C6:12G5:12E5:12|F5:12D5:12B4:12C5:36"),
        ("b06b_overlay_piano", "0 |3/4 C5:24D5:24E5:24;C4:72|E5:24D5:24C5:24;G3:72"),
        ("b12c_Z_piano", "0 |4/4 C4:24D4:24E4:24F4:24;r:96|G4:24A4:24B4:24C5:24;r:96"
         "|C5:24B4:24A4:24G4:24;C3:96|F4:24E4:24D4:24C4:24;G2:96"),
        ("b22_cr_only", "0 |4/4 C4:12D4:12E4:12F4:12G4:12A4:12B4:12C5:12|C4:96"),
        ("b25_octave_transposed", "0 |4/4 C3:24D3:24E3:24F3:24|G3:24A3:24B3:24C4:24"),
        ("b33c_file_header_L_silent", f"0 |4/4 {SCALE}|C5:24B4:24A4:24G4:24|F4:24E4:24D4:24C4:24"),
        ("b38_H_fermata", f"0 |4/4 {SCALE}|C5:48G4:48|C4:96"),
    ],
)  # fmt: skip
def test_small_inputs(name: str, expected: str) -> None:
    data = (CASES / f"{name}.abc").read_bytes()
    assert bars(data) == expected
    assert told(data) == ()


def test_double_repeats_with_and_without_a_space() -> None:
    names = ("b01_double_repeat_no_space.abc", "b01b_double_repeat_space.abc")
    one, other = (bars((CASES / name).read_bytes()) for name in names)
    assert one == other


def test_sums_of_beats_are_told() -> None:
    five, seven, bracket = reading((CASES / "b30_five_eight.abc").read_bytes()).pieces
    metres = [piece.score.metres[0] for piece in (five, seven, bracket)]
    assert metres == [(5, 8), (7, 8), (5, 8)]
    assert five.told == ()
    assert seven.told == ("metre 2+2+3/8 is read as 7/8",)
    assert bracket.told == ("metre (3+2)/8 is read as 5/8",)


def test_the_nth_tune_of_a_book(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    book = CASES / "b32_numbering.abc"
    assert read_item(f"{book}#1") == f"0 |4/4 {SCALE}"
    assert "b32_numbering.abc#1: no metre (M:), read as 4/4\n" in capsys.readouterr().err
    second = "|".join(["{0}4:24{0}4:24{0}4:24{0}4:24"] * 2)
    assert read_item(f"{book}#2") == f"0 |4/4 {second.format('C')}"
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "b32_numbering.abc#2: 1 bar did not add up and is left out (bar 3)"
    assert said[1].startswith("b32_numbering.abc#2: in 2 stretches, bars 1-2, 3-4")
    assert read_item(f"{book}#2:3-4") == f"0 |4/4 {second.format('E')}"
    assert read_item(f"{book}#3").startswith("0 |4/4 G4:24")
    for place, reason in (
        ("#2:2-3", "bars 2 to 3 are not in one stretch of 1-2, 3-4"),
        ("#4", "no piece 4, there are 3"),
        ("#0", "no piece 0, there are 3"),
    ):
        with pytest.raises(DomainError, match=reason):
            read_item(f"{book}{place}")
    one = tmp_path / "two.abc"
    one.write_text(HEAD + "C4|]\n\n" + HEAD.replace("X:1", "X:9") + "C4|D4|\n")
    with pytest.raises(DomainError, match=r"two\.abc#1: only one bar"):
        read_item(f"{one}#1")
    assert read_item(str(one)) == read_item(f"{one}#2") == "0 |4/4 C4:96|D4:96"
    assert read_excerpt(one).metres == ((4, 4), (4, 4))


def test_one_bar_is_no_tune() -> None:
    assert refused((CASES / "b39_one_bar.abc").read_text()) == "only one bar"


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        # lengths
        ("C D/ E/ F3/2 G/|A//B//A/4B/4 c3|", "C4:24D4:12E4:12F4:36G4:12|A4:6B4:6A4:6B4:6C5:72"),
        ("C>D E<F|G>>A B<<c|", "C4:36D4:12E4:12F4:36|G4:42A4:6B4:6C5:42"),
        ("C > D E< F|G>{ab}A B4/2|", "C4:36D4:12E4:12F4:36|G4:36A4:12B4:48"),
        ("(3CDE (3:2:3FGA|(3:2:2G2A (3(cBA)|", "C4:16D4:16E4:16F4:16G4:16A4:16|G4:32A4:16"
         "C5:16B4:16A4:16"),
        ("(3{g}CDE (3 F{ab}GA|(4C/D/E/F/ G5/2|", "C4:16D4:16E4:16F4:16G4:16A4:16"
         "|C4:9D4:9E4:9F4:9G4:60"),
        # octaves, accidentals, ties
        ("C, C c c'|C,, c''3|", "C3:24C4:24C5:24C6:24|C2:24C7:72"),
        ("^F F f =f|F ^^F __B _e|", "F#4:24F#4:24F#5:24F5:24|F4:24G4:24A4:24D#5:24"),
        ("^F4-|F F F2|", "F#4:96~|F#4:24F4:24F4:48"),
        ("{^f}F F f2|F4|", "F#4:24F#4:24F#5:48|F4:96"),
        ("[C-E-]4|[CE]2 [CEG]2-|[CEG]4|", "C4+E4:96~|C4+E4:48C4+E4+G4:48~|C4+E4+G4:96"),
        ("[CE]2 [C2E2]|[C/E/]2 [CE]3/2 [G2c2]/ z/|", "C4+E4:48C4+E4:48"
         "|C4+E4:24C4+E4:36G4+C5:24r:12"),
        ("[E2C4] D2|c4|", "E4:48D4:48;C4:96|C5:96;r:96"),
        # rests and spacers
        ("C z x E|C y10 D y E Fy|", "C4:24r:48E4:24|C4:24D4:24E4:24F4:24"),
        ("C4|Z2|D4|X|E4|", "C4:96|r:96|r:96|D4:96|r:96|E4:96"),
        # overlays
        ("C D E F & G,4|C4 & G,4 & E,2 E,2|", "C4:24D4:24E4:24F4:24;G3:96;r:96"
         "|C4:96;G3:96;E3:48E3:48"),
        ("C D E F|G4 && C,4|D,4|c4|", "C4:24D4:24E4:24F4:24;C3:96|G4:96;D3:96|C5:96;r:96"),
        ("(& C D E F|G4 & C,4|D,4 &)|c4|", "C4:24D4:24E4:24F4:24;C3:96|G4:96;D3:96|C5:96;r:96"),
        # bar lines and repeats
        *[(f"C D E F{line}G A B c|]", SCALE) for line in (
            "|", "||", "|:", ":|", "::", ":|:", ":||:", "|:|", "|]", "[|", " [|] ", " .| ", "::|",
            "| |", ":|]|:", "\n|", "|\\\n", " |\n|:", ":")],
        ("C4|1 D4:|2 E4|]", "C4:96|E4:96"),
        ("C4 [1 D4 :|[2 E4|]", "C4:96|E4:96"),
        ("C4|1,3 D4:|2,4 E4:|5 F4|]", "C4:96|E4:96"),
        ("C4 [1-3 D4 :|[4 E4||F4|]", "C4:96|E4:96|F4:96"),
        ('C4 |["1st" D4 :|["2nd" E4 |]', "C4:96|E4:96"),
        # what is passed over
        ('"Am"C"^low|down"D !trill!E !D.C. al Fine!F|uG vTA .B HLMOPSc|', SCALE),
        ("+fermata+C !crescendo(!D ~E !f!F|G`A`B`c|", SCALE),
        ("C D!\nE F|G A!B c|", SCALE),
        ("C D E F|% a comment | c c\nG A B c|\nw: A line of words|\nW: more\n", SCALE),
        ("%%text C D E F|\n%%begintext\nC D|E F\n%%endtext\nC D E F|\nG A B c|", SCALE),
        ("[r:a remark]C D E F|[I:pos 1][P:B]G A B c|\nP:A\nN:note\n", SCALE),
    ],
)  # fmt: skip
def test_symbols(notes: str, expected: str) -> None:
    assert music(notes) == expected


@pytest.mark.parametrize(
    ("field", "notes"),
    [
        ("K:HP", "F#4 C#4"), ("K:D exp _b ^f", "F#4 C4"), ("K:D =c", "F#4 C4"),
        ("K:DPhr ^f", "F#4 C4"), ("K:none", "F4 C4"), ("K:", "F4 C4"), ("K:Amin", "F4 C4"),
        ("K:A minor", "F4 C4"), ("K:F#Mix", "F#4 C#4"), ("K:Ador", "F#4 C4"),
        ("K:g dorian", "F4 C4"),
        ("K:B flat", "F4 C4"), ("K:D clef=bass", "F#4 C#4"), ("K:clef=bass", "F4 C4"),
        ("K:D bass", "F#4 C#4"), ("K:C treble-8", "F3 C3"), ("K:C clef=treble+8", "F5 C5"),
        ("K:C treble +8", "F5 C5"), ("K:C octave=-1", "F3 C3"), ("K:C transpose=-2", "D#4 A#3"),
        ("K:C treble-8 octave=1", "F4 C4"), ("K:^f ^c", "F#4 C#4"), ("K:G % F sharp", "F#4 C4"),
    ],
)  # fmt: skip
def test_keys_and_clefs(field: str, notes: str) -> None:
    from domains.midi.notation import pitch_name

    (piece,) = reading(f"X:1\nM:4/4\nL:1/4\n{field}\nF2 C2|F2 C2|").pieces
    assert " ".join(pitch_name(pitch) for _, _, pitch in piece.score.notes[:2]) == notes


def test_a_transposed_voice_has_the_key_that_sounds() -> None:
    assert bars("X:1\nM:4/4\nL:1/4\nK:C transpose=-2\nC D E F|C4|").startswith("2b |4/4 C4:24D4:24")


@pytest.mark.parametrize(
    ("field", "metre"),
    [
        ("M:C", (4, 4)), ("M:C|", (2, 2)), ("M:4 / 4", (4, 4)), ("M:6/8 % jig", (6, 8)),
        ("M:2/4+3/4", (5, 4)), ("M:(2+3)/8", (5, 8)), ("M:3/4+3/8", (9, 8)),
    ],
)  # fmt: skip
def test_metres(field: str, metre: tuple[int, int]) -> None:
    notes = "|".join(["C" * (metre[0] * 8 // metre[1])] * 2)
    (piece,) = reading(f"X:1\n{field}\nL:1/8\nK:C\n{notes}|").pieces
    assert piece.score.metres == (metre,) * 2


@pytest.mark.parametrize(
    ("head", "length"),
    [("M:2/4\n", 6), ("M:3/4\n", 12), ("M:6/8\n", 12), ("L:1/16\nM:3/4\n", 6), ("", 12)],
)
def test_unit_of_length_has_a_default(head: str, length: int) -> None:
    text = bars(f"X:1\n{head}K:C\n" + "|".join(["C" * 48] * 2))
    assert f"C4:{length}C4:{length}" in text


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ("GABc d2B2", "1# |2/4 C5:12D5:12E5:12F5:12|G5:24E5:24"),
        ("GAB cde|g3 a3|", "1# |6/8 C5:12D5:12E5:12F5:12G5:12A5:12|C6:36D6:36"),
        ("GA B2 cd|g2 a2 b2|", "1# |3/4 C5:12D5:12E5:24F5:12G5:12|C6:24D6:24E6:24"),
        ("G|A4 B4|c4 d4|e4 f3|", "1# |4/4 r:84C5:12|D5:48E5:48|F5:48G5:48|A5:48B5:36r:12"),
    ],
)
def test_a_tune_without_a_metre(notes: str, expected: str) -> None:
    assert bars(f"K:G\n{notes}") == expected
    assert told(f"K:G\n{notes}")[0] == f"no metre (M:), read as {expected[4:7]}"


def test_fields_of_the_file_hold_for_all_tunes() -> None:
    tune = "X:{}\nT:t\nK:C\nCDEF|GABc|\n\n"
    text = (
        "%abc-2.1\nM:4/4\nL:1/4\n\n" + tune.format(1) + tune.format(2).replace("K:C", "L:1/2\nK:C")
    )
    one, other = reading(text).pieces
    assert format_score(one.score) == f"0 |4/4 {SCALE}"
    assert format_score(other.score).startswith("0 |4/4 C4:48D4:48|E4:48")
    free = "M:none\n\n" + tune.format(1) + tune.format(2).replace("T:t", "M:2/2\nL:1/4")
    found = reading(free)
    assert found.rejected == [("a.abc#1", "free metre")]
    assert len(found.pieces) == 1


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_line_ends_and_encodings(end: str, encoding: str) -> None:
    text = (HEAD.replace("A tune", "Tír") + "C D E F|\nG A B c|\n").replace("\n", end)
    (piece,) = reading(text.encode(encoding)).pieces
    assert format_score(piece.score) == f"0 |4/4 {SCALE}"
    assert piece.title == "Tír"


@pytest.mark.parametrize(
    "after",
    [
        "\nFree text about a bad cabbage, and a face.\n",
        "\nFree text\n\nof two paragraphs, a bed | a bag, and more\n",
        "\nT:Notes\nC D E F|\n",
        "</body>\n</html>\n",
        "</pre>\n<p>Bad egg, added by Abe<br>\n",
        "<!-- C D E F -->\n",
    ],
)
def test_text_after_a_tune_is_no_music(after: str) -> None:
    assert music(f"C D E F|G A B c|\n{after}") == SCALE


def test_pages_and_mail_around_tunes() -> None:
    page = f"<html><body><pre>\n{HEAD}C>D E F|G A B c|\n</pre>\nBad egg\n</body></html>\n"
    assert bars(page).endswith("C4:36D4:12E4:24F4:24|G4:24A4:24B4:24C5:24")
    assert bars(page.replace("C>D", "C&gt;D")) == bars(page)
    mail = HEAD + "C D E =3DF|=20\nG A B =\nc|\n"
    assert bars(mail) == f"0 |4/4 {SCALE}"


def test_titles_keep_their_signs() -> None:
    (piece,) = reading(HEAD.replace("A tune", "<b>A</b> <pre> & tune") + "C4|C4|").pieces
    assert piece.title == "<b>A</b> <pre> & tune"


def test_broken_rhythm_is_no_tag() -> None:
    assert music("C<A F>B|c<d e>f|") == "C4:12A4:36F4:36B4:12|C5:12D5:36E5:36F5:12"


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ("^/C _3/2D E F|G4|", "2 quarter-tones are read as the semitone towards the natural"),
        ("{g}C D E F|G4|", "grace notes are left out"),
        ("C4|D4|E5|F4|G4|", "1 bar did not add up and is left out (bar 3)"),
        ("C4|D4|E5|F4|G5|A4|B4|", "2 bars did not add up and are left out (bars 3, 5)"),
        ("C4|D4|E5|F4|G5|A4|B4|", "bar 4 left out: no other is beside it that adds up"),
        ("(5CDEFG A2|G4|",
         "4 notes do not lie on the grid of 1/24 of a quarter and are moved to it"),
        ("C D E F|[K:D]F4|", "changes of key are not kept, the notes are"),
        ("C D E F|\nCopyright by Abe\nG4|", "text among the notes is left out (line 7)"),
        ("C D E F|G4| Fine\n", "text among the notes is left out (line 6)"),
        ("C D E F|G4 D.C.|\n", "text among the notes is left out (line 6)"),
        ("C D E F|G4 2|", "a symbol that is no ABC is left out"),
        ("C4|1 D4:|2 E4|]", "first endings are left out, repeats are read once"),
        ("m: ~g2 = {a}g2\nC D E F|G4|", "macros (m:) are not followed"),
        ("[K:C middle=d]C D E F|G4|", "middle= is not followed"),
        ("%%MIDI transpose 2\nC D E F|G4|", "%%transpose is not followed"),
        ("C D E F|G4|\n\nC D E F|", "the tune goes on after an empty line (line 7)"),
        ("V:1\nC4|D4|E4|\nV:2\nC4|D4|", "voice 2 has 2 of 3 bars"),
        ("V:1\nC4|D4|E4|\nV:2\nC4|D3|E4|", "the voices' bars differ in length (bar 2)"),
        ("V:1\nC4|D4|\nV:2 clef=perc\nC4|D4|", "percussion is left out (voice 2)"),
    ],
)  # fmt: skip
def test_what_is_told(notes: str, said: str) -> None:
    assert said in told(HEAD + notes)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("X:1\nM:none\nK:C\nC4|C4|", "free metre"),
        ("X:1\nM:4/4\nC4|C4|", "no key, which ends a tune's header (K:)"),
        ("X:1\nM:4/4\nK:Q\nC4|C4|", "no key: K:Q (line 3)"),
        ("X:1\nM:4/4\nK:G#\nC4|C4|", "a key signature of 8 accidentals (line 3)"),
        ("X:1\nM:3\nK:C\nC4|C4|", "no metre that can be read: M:3 (line 3)"),
        ("X:1\nM:4/4\nL:1/0\nK:C\nC4|C4|", "no length of a note: L:1/0 (line 3)"),
        (HEAD + "C4|C4|\nV:1 octave=x\n", "no number: octave=x (line 7)"),
        (HEAD + "C9999999|C4|", "a note of impossible length (line 6)"),
        (HEAD + "Z9999|C4|", "more than 1,024 bars (line 6)"),
        (HEAD + "C4" + "&C4" * 9 + "|", "more than 8 voices at once (line 6)"),
        (HEAD + "V:1 perc\nC4|C4|", "only percussion, which is not read"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    assert refused(text) == reason


def test_voices_keep_their_own_shift_and_wait_for_each_other() -> None:
    head = "X:1\nM:4/4\nL:1/4\nV:R\nV:L clef=bass octave=-1\nK:D\n"
    lines = "V:R\nD4|F4|\n\nV:L\nD4|F4|\nV:R\nA4|\nV:L\nZ|\n"
    assert bars(head + lines) == "2# |4/4 C4:96;C3:96|E4:96;E3:96|G4:96;r:96"
    inline = "[V:R]D4|F4|[V:L]D4|F4|\n[V:R]A4|[V:L]Z|\n"
    assert bars(head + inline) == bars(head + lines)


def test_accidentals_hold_as_far_as_is_said() -> None:
    notes = "^F F f2|F4|"
    assert music(f"I:propagate-accidentals octave\n{notes}") == "F#4:24F#4:24F5:48|F4:96"
    assert music(f"%%propagate-accidentals not\n{notes}") == "F#4:24F4:24F5:48|F4:96"


_SYMBOLS = st.sampled_from(
    [*"CDEFGABcdefgabzxZXy^_=,'/23489(|:[]{}<>-&~.!+\"%\\ \n`", "(3", "|:", ":|", "[1", "|2",
     "[CE]",
     "[K:D]", "[M:3/4]", "[L:1/16]", "[V:2]", "(&", "&)", "!trill!", "{ab}", "\nV:2\n", "\nK:G\n",
     "\n\n", "M:",
     "X:", "<b>", "&lt;", "=3D", "^/", "Fine", "+:"]
)  # fmt: skip


@examples(300)
@example(["(&", "|", "&)"])
@example(["[1"])
@given(st.lists(_SYMBOLS, max_size=60))
def test_anything_is_read_or_refused(symbols: list[str]) -> None:
    data = (HEAD + "".join(symbols)).encode()
    try:
        pieces = read_music(data, "a.abc", seconds=5.0)
    except DomainError:
        return
    for piece in pieces:
        assert parse_score(format_score(piece.score)) == piece.score


@pytest.mark.skipif(not compare_abc2midi.available(), reason="abc2midi is not installed")
def test_a_second_program_hears_the_same() -> None:
    import music21

    root = Path(music21.__file__).parent / "corpus"
    tunes = compare_abc2midi.tunes_in(root, ("oneills1850/0721-0730.abc", "airdsAirs/book1.abc"))
    verdicts = [verdict for _, verdict, _, _ in compare_abc2midi.compare(tunes[:50])]
    assert verdicts == ["equal"] * 50
