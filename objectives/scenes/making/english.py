"""English scenes: words and sentences."""

from __future__ import annotations

from objectives.scenes.making.language import Fact, Language, Opening, Scale, Series

_PAIR = (False, True, False, True)
_LATER = (False, False, True, True)

ENGLISH = Language(
    name="english",
    scenes=8,
    people=tuple("Anna Ben Clara David Emma Frank Greta Henry Ida Jack Kate Leo Mary Nick Olga Paul".split()),
    things=tuple("cup key lamp rope spoon hat drum mirror ball knife book coin".split()),
    places=(
        *("in the kitchen", "in the garden", "in the cellar", "in the barn", "on the roof", "in the forest"),
        *("at the mill", "by the river", "in the tower", "at the market"),
    ),
    nonsense=tuple("blik dorp fane grib hulm jask kemm lurp miv nask pord quell rask sorn tave vint".split()),
    properties=(("round", "square"), ("wet", "dry"), ("hot", "cold"), ("loud", "quiet"), ("soft", "hard")),
    directions=("north", "east", "south", "west"),
    days=tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()),
    months=(
        *("January", "February", "March", "April", "May", "June", "July", "August", "September", "October"),
        *("November", "December"),
    ),
    scales=(
        Scale(
            "{a} is taller than {b}.",
            "{b} is shorter than {a}.",
            "Of {x} and {y}, the taller one is",
            "Of {x} and {y}, the shorter one is",
        ),
        Scale(
            "{a} is older than {b}.",
            "{b} is younger than {a}.",
            "Of {x} and {y}, the older one is",
            "Of {x} and {y}, the younger one is",
        ),
        Scale(
            "{a} is faster than {b}.",
            "{b} is slower than {a}.",
            "Of {x} and {y}, the faster one is",
            "Of {x} and {y}, the slower one is",
        ),
        Scale(
            "{a} is richer than {b}.",
            "{b} is poorer than {a}.",
            "Of {x} and {y}, the richer one is",
            "Of {x} and {y}, the poorer one is",
        ),
    ),
    say={
        "rule": "Every {a} is a {b}.",
        "rule_end": "Every {a} is {b}.",
        "rule_start": "Tom is a {a}.",
        "rule_ask": "So Tom is",
        "has": "{a} has the {x}.",
        "swap": "{a} and {b} swap what they have.",
        "has_ask": "Now {a} has the",
        "start": "Start with {n}.",
        "add": "Add {n}.",
        "take": "Take away {n}.",
        "number_ask": "The number is now",
        "faces": "Otto faces {x}.",
        "left": "He turns left.",
        "right": "He turns right.",
        "around": "He turns around.",
        "faces_ask": "Now he faces",
        "claim": "A stranger who has seen nothing of it says: {wrong}.",
        "lead": "In full:",
        "suggestion": "My guess is {wrong}, but I am often wrong.",
    },
    facts={
        "older": Fact(
            (
                "{a} is older than {b}. The older of the two is",
                "{b} is younger than {a}. The older of the two is",
                "{a} was born before {b}. The younger of the two is",
                "{b} came into the world long after {a}. The younger of the two is",
            ),
            _LATER,
            "{a} is older than {b}.",
            "Of {p} and {q}, the older one is",
            "Of {p} and {q}, the younger one is",
        ),
        "gift": Fact(
            (
                "{b} gave the {x} to {a}. The one who has it now is",
                "{a} got the {x} from {b}. The one who has it now is",
                "The {x} came to {a} as a gift from {b}. The one who has it no more is",
                "{b} handed {a} the {x} and went home without it. The one who left without it is",
            ),
            _LATER,
            "{b} gave the {x} to {a}.",
            "The one who has the {x} now is",
            "The one who has the {x} no more is",
        ),
        "place": Fact(
            (
                "{a} left the {x} {right} and is now {wrong}. The {x} is",
                "{a} left the {x} {right} and is now {wrong}. {a} is",
                "The {x} lies {right}, while {a} sits {wrong}. The {x} is",
                "The {x} stayed {right}, while {a} walked on and is now {wrong}. {a} is",
            ),
            _PAIR,
            "{a} left the {x} {right} and is now {wrong}.",
            "The {x} is",
            "{a} is",
        ),
        "sum": Fact(
            (
                "{a} had {m} coins and found {n} more. The number of coins that {a} has is",
                "{a} has {m} coins and {b} has {n}. Together the number of their coins is",
                "{m} + {n} =",
                "From a bag of coins {a} took {m}, then {n}, and it was empty. The number of coins in it had been",
            ),
            (False, False, False, False),
            "{a} had {m} coins and found {n} more.",
            "The number of coins that {a} has is",
        ),
        "month": Fact(
            (
                "This month is {x}. The next month will be",
                "If last month was {x}, then this month is",
                "In the calendar, the month that comes right after {x} is",
                "{a} left on the last day of {x} and came home on the next day. By then it was",
            ),
            (False, False, False, False),
            "This month is {x}.",
            "The next month will be",
        ),
    },
    series=(
        Series("even", "The even numbers from {first} to {last}."),
        Series("multiples", "The multiples of {step} from {first} to {last}."),
        Series("down", "Counting down from {first} to {last}."),
        Series("repeat", 'The word "{word}", {times} times.'),
        Series("days", "The days from {first} to {last}."),
    ),
    definitions=(
        ("A widow.", "a woman whose husband has died"),
        ("An orphan.", "a child whose parents have died"),
        ("A baker.", "someone who makes bread and sells it"),
        ("An island.", "a piece of land with water all around it"),
        ("A desert.", "a dry country where almost nothing grows"),
        ("A thief.", "someone who takes what belongs to others"),
        ("A twin.", "one of two children born at the same time"),
        ("A century.", "a time of one hundred years"),
    ),
    openings=(
        Opening(
            "errand",
            "The {x} lay {place}, and {a} went to fetch it for {b}. When {a} came back,",
            (("{a}", "{b}", "she", "he", "they", "her", "him", "them"), ("{x}", "it", "nothing")),
            (),
            "{b} was already waiting at the door and thanked {a} warmly for the {x}.",
        ),
        Opening(
            "drought",
            "It had not rained for a year, and there was no water left anywhere. {a}, who had been {place} all day, "
            "looked at the bed of the river and saw",
            (("dry", "dust", "stones", "sand", "mud", "empty", "earth", "cracked", "cracks"),),
            ("swam", "swimming", "waves", "flowed", "splashed"),
            "only white stones and dust where the river had once been.",
        ),
        Opening(
            "secret",
            "{a} had promised never to say the word {x}. {b} asked what was hidden in the bag, and {a} answered:",
            (("a", "the", "something", "it", "nothing", "you", "i"),),
            ("{x}",),
            "I may not name it, but you will find it useful before the week is over.",
        ),
        Opening(
            "alone",
            "{a} was quite alone {place} that night; nobody else was within a hundred miles. Suddenly {a} heard",
            (
                (
                    *("wind", "owl", "door", "rain", "thunder", "noise", "sound", "tree", "wolf", "branch", "own"),
                    *("howl", "howling", "knock", "footsteps", "steps", "voice", "cry", "creak", "something"),
                ),
            ),
            ("friends", "everyone", "they", "crowd"),
            "the wind push against the old door, and a branch scratched slowly over the roof.",
        ),
        Opening(
            "choice",
            "{a} could take only one thing, the {x} or the {y}. After long thought {a} took the",
            (("because", "since", "for", "and", "so", "but"),),
            ("both",),
            "{x}, because in the dark nothing else would be of any use.",
            either=("{x}", "{y}"),
        ),
        Opening(
            "letter",
            "{a} sat {place} and wrote a letter to {b}, to ask for the {x} that {b} had borrowed. The letter said:",
            (("{x}", "it"), ("you", "your", "please", "dear", "back", "return")),
            (),
            "Dear {b}, the winter is near, so please send my {x} back before the roads are closed.",
        ),
        Opening(
            "silence",
            "It was so quiet {place} that one could hear nothing at all. {a} waited, and then, very softly,",
            (("{a}", "she", "he", "a", "the", "something"),),
            ("shouted", "screamed", "roared", "loudly"),
            "the snow began to fall on {a} and on the empty path.",
        ),
        Opening(
            "fever",
            "{a} had been ill for a week and could not stand up. When {b} came to visit, {a}",
            (("bed", "lay", "smiled", "said", "slept", "asked", "whispered", "pillow", "thanked"),),
            ("ran", "danced", "jumped", "climbed"),
            "smiled from the bed and asked {b} to read a story aloud.",
        ),
        Opening(
            "trade",
            "{a} wanted the {x} that {b} was selling, but {a} had no money, only a {y}. After a while",
            (("{x}", "{y}"), ("{a}", "{b}", "they", "she", "he")),
            ("coins", "paid"),
            "{b} agreed to give the {x} away for the {y}, and they shook hands on it.",
        ),
        Opening(
            "search",
            "For three days {a} had looked for the lost {x}. On the fourth day, {place},",
            (("{x}", "it"), ("found", "saw", "lay", "there", "nothing", "again", "gave")),
            (),
            "there it lay under the leaves, the old {x} that had been missed so much.",
        ),
    ),
)
