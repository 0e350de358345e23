"""The analyzer that needs no account: models that ship inside packages, answering in Rekognition's
shape.
"""
