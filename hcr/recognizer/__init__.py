"""A trained model as a fast function of images, strokes or pictures, without TensorFlow.

`Recognizer.load` takes a pretrained model's name, a run's folder or a file; `recognize` answers for
one character, `recognize_page` for rows of them, `predict` for many images.
`hcr.recognizer.service` answers over HTTP.
"""

# ruff: noqa: F401
from hcr.recognizer.page import PageCharacter, draw_page
from hcr.recognizer.recognizer import Recognition, Recognizer, choices, load_for, load_start
from hcr.recognizer.sources import PRETRAINED, About, about, inherited, keras_files, located, named
