"""A made-up shop: some hundred products and pages of help, whose texts say nothing in the words of laymen.

The brands are made up. No document holds `hoover`, `bill` or `wlan`, nor any word of `bench_lay_words.py`'s own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from untilclick.search.records import Document

PRODUCTS_OF_A_KIND = 12
BRANDS = ("Alder", "Brask", "Corvin", "Dunmore", "Elstra", "Fenwick", "Garnet", "Holm", "Isken", "Jarrow")
QUALITIES = ("compact", "quiet", "light", "sturdy", "classic", "premium", "small", "large", "easy", "new")
COLOURS = ("black", "white", "grey", "blue", "green", "red")
KINDS: dict[str, str] = {
    "vacuum cleaner": "floor carpet dust suction filter bag nozzle hose brush cord",
    "router": "internet wireless network antenna ports cable signal ethernet wall setup",
    "kettle": "water boil litre steel lid spout cordless base limescale tea",
    "headphones": "sound music ear cushions cable bass foldable microphone noise wireless",
    "stapler": "paper staples sheets desk metal loading office pages jam grip",
    "toaster": "bread slices browning crumbs tray slots defrost kitchen timer rack",
    "office chair": "seat backrest armrest wheels height desk fabric lumbar tilt cushion",
    "desk lamp": "light bulb dimmer shade arm reading table switch warm bright",
    "backpack": "straps pockets laptop zip litres school travel padded bottle shoulder",
    "water bottle": "steel insulated litre cap leakproof drink sports cold hot handle",
    "running shoes": "sole laces jogging cushion sizes mesh grip heel road trail",
    "rain jacket": "waterproof hood zip sleeves pockets outdoor wind sizes breathable seams",
    "tent": "camping poles pegs persons sleeping waterproof porch groundsheet wind ropes",
    "sleeping bag": "camping warm zip temperature hood lining nights compress degrees cotton",
    "bicycle helmet": "head cycling strap vents safety foam sizes visor road children",
    "drill": "screws battery torque chuck bits wall holes wood speed charger",
    "hammer": "nails handle steel head grip wood carpenter claw weight tools",
    "paint roller": "walls paint tray ceiling handle fleece drops room cover pole",
    "garden hose": "watering metres nozzle tap lawn plants reel connector pressure flexible",
    "frying pan": "cooking coated hob handle eggs induction lid oil oven pancakes",
    "kitchen knife": "blade sharp steel chopping vegetables handle cutting meat chef edge",
    "pillow": "sleep feathers neck cover washable soft bed foam side allergy",
    "wool blanket": "warm sofa bed wool washable soft fringe winter throw knitted",
    "alarm clock": "time wake snooze display battery bedside radio ringing hands night",
    "printer": "ink pages scanner cartridges paper colour copies tray duplex photos",
    "keyboard": "keys typing cable layout wrist computer numbers backlight quiet shortcuts",
    "monitor": "screen inches pixels display stand computer cable gaming panel brightness",
    "camera tripod": "legs photo head height stable video pan aluminium mount level",
    "yoga mat": "exercise floor grip rolled stretching thick carry gym knees pilates",
    "coffee grinder": "beans grind coarse fine espresso burr cups motor hopper aroma",
}
HELP: dict[str, str] = {
    "invoice": "amount due, tax and the address for payment; sent as a document by e-mail after dispatch",
    "delivery": "days until the parcel arrives, the carrier and its tracking number",
    "return": "how to send goods back, the label, and when the refund arrives",
    "warranty": "how long repairs are free, and which proof of purchase is needed",
    "account": "sign in, change a password, and delete your data",
    "voucher": "redeem a code at the checkout, and until when it is valid",
}
HELP_TITLES = ("Where to find {}", "Change {} details", "Problem with {}", "{} for companies", "Questions on {}")


def shop_documents(seed: int) -> Iterator[Document]:
    """The products and the pages of help."""
    rng = np.random.default_rng(seed)
    for kind, words in KINDS.items():
        for number in range(PRODUCTS_OF_A_KIND):
            brand, quality, colour = (str(rng.choice(each)) for each in (BRANDS, QUALITIES, COLOURS))
            features = rng.permutation(words.split())[:6].tolist()
            title = f"{brand} {kind} {quality} {colour}"
            text = (
                f"This {quality} {kind} by {brand} comes in {colour}. Features: {', '.join(features)}. "
                f"Good for {features[0]} and {features[1]}, two years of warranty, ready for dispatch."
            )
            yield Document(f"{kind.replace(' ', '-')}-{number:02d}", title, text)
    for subject, answer in HELP.items():
        for number, title in enumerate(HELP_TITLES):
            text = f"Everything on the {subject}: {answer}. Our service answers within {number + 1} days."
            yield Document(f"help-{subject}-{number}", title.format(subject).capitalize(), text)


def write_shop(path: Path, seed: int) -> None:
    """Write the documents as lines of JSON."""
    documents = ({"_id": each.doc_id, "title": each.title, "text": each.text} for each in shop_documents(seed))
    path.write_text("".join(f"{json.dumps(each)}\n" for each in documents), encoding="utf-8")
