"""The analyzer that needs no account: models out of packages answer in Rekognition's shape."""
