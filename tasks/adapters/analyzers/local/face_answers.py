"""From the faces that were found to DetectFaces and RecognizeCelebrities.

Pure functions. Shapes and limits: Amazon Rekognition API Reference, pages of these operations.
"""

from image_tags.tasks.adapters.analyzers.local.answer_parts import build_box, round_confidence
from image_tags.tasks.adapters.analyzers.local.faces import Face
from image_tags.tasks.adapters.analyzers.local.gallery import Person
from image_tags.tasks.contracts.records import JsonObject

MOST_CELEBRITIES = 64
MOST_FACES = 100


def build_celebrities(faces: list[Face], matches: list[tuple[Person, float] | None]) -> JsonObject:
    """Build RecognizeCelebrities' response from the faces and, in their order, who each is."""
    known, others = [], []
    for face, match in zip(faces, matches, strict=True):
        if match is None:
            others.append(_build_face(face))
            continue
        person, confidence = match
        known.append(
            {
                "Urls": [],
                "Name": person.name,
                "Id": person.id,
                "Face": _build_face(face),
                "MatchConfidence": round_confidence(confidence),
            }
        )
    return {"CelebrityFaces": known, "UnrecognizedFaces": others}


def build_face_details(faces: list[Face]) -> JsonObject:
    """Build DetectFaces' response with the attributes that it calls DEFAULT, less the pitch."""
    return {"FaceDetails": [_build_face(face) for face in faces[:MOST_FACES]]}


def _build_face(face: Face) -> JsonObject:
    return {
        "BoundingBox": build_box(face.box),
        "Confidence": round_confidence(face.confidence),
        "Landmarks": [{"Type": kind, "X": x, "Y": y} for kind, (x, y) in face.landmarks.items()],
        "Pose": {"Roll": face.roll, "Yaw": face.yaw},
        "Quality": {"Brightness": face.brightness, "Sharpness": face.sharpness},
    }
