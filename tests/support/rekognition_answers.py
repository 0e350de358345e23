"""What the stand-in for Amazon Rekognition sees in a picture: the same for the same picture, in
every operation's shape.
"""

import random
from typing import Any

Json = dict[str, Any]

# name -> (parents, categories, may have a box)
LABELS: dict[str, tuple[list[str], list[str], bool]] = {
    "Person": ([], ["Person Description"], True),
    "Animal": ([], ["Animals and Pets"], False),
    "Dog": (["Animal", "Pet"], ["Animals and Pets"], True),
    "Cat": (["Animal", "Pet"], ["Animals and Pets"], True),
    "Pet": (["Animal"], ["Animals and Pets"], False),
    "Car": (["Transportation", "Vehicle"], ["Vehicles and Automotive"], True),
    "Vehicle": (["Transportation"], ["Vehicles and Automotive"], False),
    "Beach": (["Nature", "Outdoors", "Sea", "Water"], ["Nature and Outdoors"], False),
    "Lighthouse": (["Architecture", "Building", "Tower"], ["Buildings and Architecture"], True),
    "Coffee Cup": (["Cup"], ["Kitchen and Dining"], True),
}
WORDS = (
    "NEW",
    "SALE",
    "50%",
    "café",
    "Straße",
    "東京",
    "OPEN",
    "exit",
    "7-11",
    "don't",
    "🙂",
    "a|b",
)
CELEBRITIES = (
    ("Ada Lovelace", "2Ab3Cd", "Female"),
    ("Alan Turing", "4Ef5Gh", "Male"),
    ("Grace Hopper", "6Ij7Kl", "Female"),
)
MODERATION = (
    ("Smoking", "Drugs & Tobacco Paraphernalia & Use", 2),
    ("Drugs & Tobacco", "", 1),
    ("Alcohol", "", 1),
)


def answer(operation: str, identity: str, request: Json) -> Json:
    """The response to an operation on the picture of this identity (a hash or a name), honouring
    the request's filters.
    """
    chance = random.Random(f"{operation}/{identity}")
    return {
        "DetectLabels": _labels,
        "DetectText": _text,
        "RecognizeCelebrities": _celebrities,
        "DetectModerationLabels": _moderation,
        "DetectFaces": _faces,
    }[operation](chance, request)


def _labels(chance: random.Random, request: Json) -> Json:
    general = request.get("Settings", {}).get("GeneralLabels", {})
    labels = []
    for name in chance.sample(sorted(LABELS), k=chance.randint(2, 7)):
        parents, categories, has_boxes = LABELS[name]
        label = {
            "Name": name,
            "Confidence": chance.uniform(40, 100),
            "Instances": [
                {"BoundingBox": _box(chance), "Confidence": chance.uniform(50, 100)}
                for _ in range(chance.randint(0, 3) if has_boxes else 0)
            ],
            "Parents": [{"Name": parent} for parent in parents],
            "Aliases": [{"Name": "Mug"}] if name == "Coffee Cup" else [],
            "Categories": [{"Name": category} for category in categories],
        }
        if _passes(name, categories, general) and label["Confidence"] >= request.get(
            "MinConfidence", 55
        ):
            labels.append(label)
    labels.sort(key=lambda label: -label["Confidence"])
    response: Json = {
        "Labels": labels[: request.get("MaxLabels", 1000)],
        "LabelModelVersion": "3.0",
    }
    if "IMAGE_PROPERTIES" in request.get("Features", []):
        quality = {
            "Brightness": chance.uniform(0, 100),
            "Sharpness": chance.uniform(0, 100),
            "Contrast": 50.0,
        }
        color = {
            "Red": 1,
            "Green": 2,
            "Blue": 3,
            "HexCode": "#010203",
            "SimplifiedColor": "black",
            "PixelPercent": 80.0,
        }
        response["ImageProperties"] = {"Quality": quality, "DominantColors": [color]}
    return response


def _passes(name: str, categories: list[str], general: Json) -> bool:
    included, kinds = (
        general.get("LabelInclusionFilters"),
        general.get("LabelCategoryInclusionFilters"),
    )
    return (
        (not included or name in included)
        and (not kinds or bool(set(kinds) & set(categories)))
        and name not in general.get("LabelExclusionFilters", [])
        and not set(general.get("LabelCategoryExclusionFilters", [])) & set(categories)
    )


def _text(chance: random.Random, request: Json) -> Json:
    least = request.get("Filters", {}).get("WordFilter", {}).get("MinConfidence", 80)
    lines: list[Json] = []
    words: list[Json] = []
    for line in range(chance.randint(0, 2)):
        texts = chance.choices(WORDS, k=chance.randint(1, 3))
        lines.append(_detection(chance, " ".join(texts), "LINE", line))
        words += [_detection(chance, text, "WORD", 0) | {"ParentId": line} for text in texts]
    for number, word in enumerate(words):
        word["Id"] = len(lines) + number
    found = lines + [word for word in words if word["Confidence"] >= least]
    return {"TextDetections": found, "TextModelVersion": "3.0"}


def _detection(chance: random.Random, text: str, kind: str, number: int) -> Json:
    box = _box(chance)
    left, top, right, bottom = (
        box["Left"],
        box["Top"],
        box["Left"] + box["Width"],
        box["Top"] + box["Height"],
    )
    corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    polygon = [{"X": x, "Y": y} for x, y in corners]
    geometry = {"BoundingBox": box, "Polygon": polygon}
    return {
        "DetectedText": text,
        "Type": kind,
        "Id": number,
        "Confidence": chance.uniform(60, 100),
        "Geometry": geometry,
    }


def _celebrities(chance: random.Random, request: Json) -> Json:
    known = chance.sample(CELEBRITIES, k=chance.choice((0, 0, 0, 1, 2)))
    return {
        "CelebrityFaces": [
            {
                "Name": name,
                "Id": code,
                "Urls": [f"www.wikidata.org/wiki/{code}"],
                "Face": _face(chance),
                "MatchConfidence": chance.uniform(60, 100),
                "KnownGender": {"Type": gender},
            }
            for name, code, gender in known
        ],
        "UnrecognizedFaces": [_face(chance) for _ in range(chance.choice((0, 0, 1)))],
        "OrientationCorrection": "ROTATE_0",
    }


def _moderation(chance: random.Random, request: Json) -> Json:
    labels = [
        {
            "Name": name,
            "ParentName": parent,
            "TaxonomyLevel": level,
            "Confidence": chance.uniform(40, 100),
        }
        for name, parent, level in chance.sample(MODERATION, k=chance.choice((0, 0, 1, 2)))
    ]
    least = request.get("MinConfidence", 50)
    return {
        "ModerationLabels": [label for label in labels if label["Confidence"] >= least],
        "ModerationModelVersion": "7.0",
        "ContentTypes": [],
    }


def _faces(chance: random.Random, request: Json) -> Json:
    faces = [_face(chance) for _ in range(chance.choice((0, 1, 2)))]
    if "ALL" in request.get("Attributes", []):
        for face in faces:
            face |= {
                "AgeRange": {"Low": 20, "High": 30},
                "Eyeglasses": {"Value": chance.random() < 0.5, "Confidence": 90.0},
            }
    return {"FaceDetails": faces, "OrientationCorrection": "ROTATE_0"}


def _face(chance: random.Random) -> Json:
    return {
        "BoundingBox": _box(chance),
        "Confidence": chance.uniform(80, 100),
        "Landmarks": [{"Type": "nose", "X": chance.random(), "Y": chance.random()}],
        "Pose": {"Roll": chance.uniform(-30, 30), "Yaw": 0.0, "Pitch": 0.0},
        "Quality": {"Brightness": 50.0, "Sharpness": 60.0},
    }


def _box(chance: random.Random) -> Json:
    left, top = chance.uniform(0, 0.7), chance.uniform(0, 0.7)
    return {
        "Left": left,
        "Top": top,
        "Width": chance.uniform(0.05, 0.3),
        "Height": chance.uniform(0.05, 0.3),
    }
