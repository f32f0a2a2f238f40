"""Keep the convolutions of a trained model and give it new layers from the first recurrent one on.

    python -m benchmarks.new_recurrent MODEL.safetensors --spec SPEC -o OUT.safetensors

SPEC is a specification whose layers before the first recurrent one are those of MODEL; it may contain `{classes}`. All
later layers start with random weights, so OUT reads nothing until it has been trained. Two networks that differ in
their recurrent layers can thus be compared without training the convolutions twice.
"""

from benchmarks.new_spec import convert_model
from hwr.errors import ModelError
from hwr.model.network import Network, build


def with_new_recurrent_layers(trained: Network, spec: str) -> Network:
    """Return a network of specification `spec` with the weights that `trained` has before its first recurrent layer.

    The other weights are drawn from torch's generator.

    Raises:
        ModelError: the layers before the first recurrent one differ.
    """
    made = build(spec)
    before = [network.specification.layers[: network.first_reading] for network in (trained, made)]
    if before[0] != before[1] or trained.height != made.height:
        raise ModelError("the layers before the first recurrent one are not those of the model")
    for to, of in zip(made.layers[: made.first_reading], trained.layers, strict=False):
        to.load_state_dict(of.state_dict())
    return made


if __name__ == "__main__":
    convert_model(__doc__, with_new_recurrent_layers)
