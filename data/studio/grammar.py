"""What is said and what is written in the studio: spoken commands and captions.

The command has nothing to do with the picture: a recogniser cannot read it off the frames, and a
captioner cannot hear it. The caption tells the colour, the action and the background.
"""

from itertools import product

VERBS = ("lift", "drop", "push", "bring")
COLOURS = ("red", "green", "blue", "white", "yellow")
OBJECTS = ("box", "ball", "cup", "lamp", "chair")
DIGITS = ("one", "two", "three", "four", "seven", "nine")
ADVERBS = ("now", "again", "please", "slowly")

# What a caption says of every action, in the order of the labels.
ACTIONS = {
    "wave": "waves",
    "clap": "claps",
    "jump": "jumps",
    "kick": "kicks",
    "walk left": "walks left",
    "walk right": "walks right",
    "crouch down": "crouches down",
    "stand up": "stands up",
}


def sentences() -> tuple[str, ...]:
    """All commands of the grammar, three to five words each, in a fixed order.

    Verb, object and digit are always there; a colour before the object and an adverb at the end
    may be.

    Example:
        >>> sentences()[-1]
        'bring yellow chair nine slowly'
    """
    slots = (VERBS, ("", *COLOURS), OBJECTS, DIGITS, ("", *ADVERBS))
    return tuple(" ".join(filter(None, words)) for words in product(*slots))


def captions(action: str, colour: str, background: str) -> tuple[str, ...]:
    """Three ways to describe one clip, the same facts in each.

    Example:
        >>> captions("wave", "orange", "grey")[1]
        'an orange figure waves and the wall behind it is grey'
    """
    scene = f"{_article(colour)} figure {ACTIONS[action]}"
    wall = f"{_article(background)} wall"
    return (
        f"{scene} in front of {wall}",
        f"{scene} and the wall behind it is {background}",
        f"there is {wall} and {scene} in front of it",
    )


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
