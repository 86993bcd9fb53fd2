"""Text that asks for nothing: what a model computes on it was not taught by any request."""

from __future__ import annotations

from typing import Final

TEXTS: Final = (
    "The river bends twice before it reaches the old mill, and the water is low for most of the summer.",
    "On the second floor there is a reading room with tall windows and long tables made of oak.",
    "Bread rises faster in a warm kitchen, but a slow dough that rests overnight has more taste.",
    "The train leaves from platform four at half past eight and stops at every village on the line.",
    "A lighthouse was built on the cape in the year 1854, and its lamp can be seen from far away.",
    "Most of the garden lies in the shade until noon, so the tomatoes grow along the southern wall.",
    "The committee met on Tuesday, approved the minutes of the last meeting and chose a new treasurer.",
    "Sound travels faster through water than through air, and faster still through a bar of steel.",
    "In autumn the leaves of the maple turn red, while those of the birch turn to a pale yellow.",
    "The museum keeps its coins in flat drawers, sorted by century and by the place of the mint.",
    "She folded the map along its creases, put it back into the bag and walked on towards the lake.",
    "Two of the bridges were closed for repairs last winter, and the ferry ran more often instead.",
    "The recipe asks for three eggs, a cup of flour, a little salt and the peel of one lemon.",
    "Glass is made of sand, soda and lime, which are melted together and left to cool slowly.",
    "His grandfather kept bees behind the orchard and sold the honey at the market every Saturday.",
    "The orchestra tuned for a minute, the lights went down, and the conductor lifted her hand.",
    "A good chair supports the lower back and lets both feet rest flat upon the floor.",
    "Clouds form when moist air rises and cools until the water in it condenses into droplets.",
    "The library opens at nine, closes at six, and stays open until eight on Thursday evenings.",
    "Copper roofs are bright at first, then brown, and turn green after some decades of rain.",
    "The path follows the ridge for an hour and then drops through pine woods to the valley.",
    "Each player draws seven cards, and the one to the left of the dealer begins the game.",
    "The tide comes in twice a day here, a little later each time, and covers the sandbank.",
    "Wool keeps some of its warmth when it is wet, which is why sailors used to wear it.",
    "The new timetable has been in force since March and lists buses on working days only.",
    "An hour of sleep before midnight, people used to say, is worth two of them after it.",
    "The painter mixed his own colours and wrote the quantities into a small black notebook.",
    "Between the two hills lies a meadow that floods in spring and is mown late in June.",
    "The clock in the hall is ten minutes slow, and nobody has set it right for years.",
    "Rice grows in standing water, wheat does not, and maize needs more warmth than either.",
    "The second volume begins where the first one ends, with the ship still lying in harbour.",
    "A square has four equal sides and four right angles, and its diagonals have equal length.",
)
POSITIONS: Final = 16
"""Tokens of each text that are read."""
FIRST: Final = 6
"""Of these, how many count as the beginning, where fine-tunes leave the clearest trace (Minder et al. 2025,
arXiv:2510.13900); the very first token is left out, since it takes up attention that nothing else wants."""
