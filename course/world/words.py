# ruff: noqa: SIM905 - a list of words reads best as words
"""The words of the little world: names, places, things, and names that nobody has used before.

A word of a list is meant to become one token of the course's tokenizer. `made_up` gives names that are several tokens
long, so that a model has to copy what it reads instead of knowing it. Leaves out grammar: that is in `relations` and
`stories`.
"""

from random import Random

PEOPLE = """
Ada Alba Amir Anna Arlo Ben Bela Boris Bruno Carla Cleo Colin Cora Dana Dario David Dina Dora Edgar Ella Elsa Emil Emma
Enzo Erik Eva Felix Fern Finn Flora Frida Gina Greta Hana Hugo Ida Igor Iris Ivan Jack Jana Jonas Julia Juno Kai Karl
Kira Lara Leo Lena Lila Lina Lotte Lucas Lucy Luis Magda Mara Marco Mark Marta Maya Mei Milo Mina Mira Mona Nadia Nell
Nico Nina Nora Noah Olga Omar Oscar Otto Paul Pavel Petra Pia Rafa Rana Rita Robin Rosa Ruben Ruth Sam Sara Selma Simon
Sofia Sven Tara Tess Theo Tilda Tina Tom Uma Vera Viktor Willa Yara Yuki Zara Zoe
""".split()

PLACES = """
kitchen garden library market school museum forest harbour bakery castle cellar attic barn stable station theatre park
hotel office church tower workshop temple valley desert island cave mill farm bridge square cinema hospital bank garage
tent lighthouse orchard palace pharmacy bathroom hall tunnel village meadow zoo
""".split()

THINGS = """
ball kite book lamp drum key map ring coat basket bottle mirror candle hammer ladder guitar violin clock camera bucket
blanket pencil letter box coin spoon plate knife rope bell bag hat scarf shoe boat bicycle cup doll flute fan chair
table carpet pillow ticket stamp whistle shovel brush comb needle button vase kettle lantern compass telescope
""".split()

JOBS = """
baker doctor farmer teacher sailor painter singer dancer lawyer miner hunter pilot nurse judge tailor driver writer
poet chemist dentist gardener carpenter cook soldier plumber barber butcher shepherd waiter banker
""".split()

FOODS = """
bread soup rice cheese honey apples plums grapes pasta salad fish eggs beans carrots potatoes pears cherries chocolate
cake pancakes nuts mushrooms corn melons lemons yoghurt noodles tomatoes berries pizza
""".split()

PETS = """
cat dog horse goat parrot rabbit turtle hamster duck goose pony lizard snake mouse donkey sheep pig hen frog crow
""".split()

COLOURS = "red blue green yellow black white brown purple pink grey golden silver".split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

WEATHER = "sunny rainy windy snowy foggy cloudy stormy cold warm hot".split()

TOWNS = """
Paris London Rome Berlin Madrid Vienna Oslo Cairo Tokyo Delhi Lima Dublin Athens Lisbon Prague Warsaw Moscow Sydney
Boston Toronto Nairobi Seoul Beijing Bern Milan Naples Geneva Havana Dakar Tunis
""".split()

_ONSETS = "b br c d dr f g gr h k l m n p r s sh st t tr v w z".split()
_VOWELS = "a e i o u ai ea oo".split()
_CODAS = ["", "", "", "n", "r", "l", "m", "s", "th", "x", "ck"]


def made_up(rng: Random) -> str:
    """A name of two or three syllables that stands in no list, such as `Draivo`.

    >>> made_up(Random(0)) == made_up(Random(0))
    True
    """
    syllables = [rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(rng.choice((2, 2, 3)))]
    return ("".join(syllables) + rng.choice(_CODAS)).capitalize()
