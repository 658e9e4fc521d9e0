"""How Vivado's commands read their words: options that start with -, and the rest."""

from mlfpga.blockdesign.catalogue import did_you_mean
from mlfpga.blockdesign.expressions import number
from mlfpga.blockdesign.sandbox import CommandError

_UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}
# Options that every command of Vivado takes.
_COMMON = ("-quiet", "-verbose")


def parse_options(words, flags=(), valued=()):
    """Split a command's words into ({option: value, or True for a flag}, the rest).

    Vivado's options start with - and may be cut short as long as they stay unambiguous.

    >>> parse_options(["-force", "demo", "-part", "xczu3eg"], flags=["-force"], valued=["-part"])
    ({'-force': True, '-part': 'xczu3eg'}, ['demo'])
    >>> parse_options(["-of", "cell"], valued=["-of_objects"])
    ({'-of_objects': 'cell'}, [])
    """
    options, rest, words, flags = {}, [], list(words), (*flags, *_COMMON)
    while words:
        word = words.pop(0)
        if not (word.startswith("-") and word[1:2].isalpha()):
            rest.append(word)
            continue
        option = _whole(word, [*flags, *valued])
        if option in flags:
            options[option] = True
            continue
        if not words:
            raise CommandError(f"option {option} needs a value")
        options[option] = words.pop(0)
    return options, rest


def _whole(word, known):
    if word in known:
        return word
    meant = [option for option in known if option.startswith(word)]
    if len(meant) > 1:
        raise CommandError(f"option {word} may mean {' or '.join(meant)}")
    if not meant:
        raise CommandError(f"unknown option {word}{did_you_mean(word, known)}")
    return meant[0]


def parse_size(text: str) -> int:
    """An address or a range: decimal, 0x…, or with a unit: 64K, 2G."""
    unit = text[-1:].upper()
    value = number(text[:-1] if unit in _UNITS and not text.lower().startswith("0x") else text)
    if not isinstance(value, int):
        raise CommandError(f'"{text}" is not an address or a size')
    return value << (0 if text.lower().startswith("0x") else _UNITS.get(unit, 0))
