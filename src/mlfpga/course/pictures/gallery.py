PICTURES = {}


def draw(): ...
