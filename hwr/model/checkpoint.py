"""Model files: weights and facts in one `.safetensors`, nothing pickled."""

from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from hwr.errors import ModelError
from hwr.files.atomic import write_file
from hwr.model.files import METADATA_KEY, read_info, read_tensors
from hwr.model.info import ModelInfo
from hwr.model.network import Network, build

AUXILIARY_PREFIX = "auxiliary."


def save_model(
    path: Path, weights: dict[str, Tensor], info: ModelInfo, half: bool = False, with_auxiliary: bool = False
) -> None:
    """Write a model file; the old one at `path` stays until the new one is complete.

    Args:
        weights, half, with_auxiliary: see `model_bytes`.

    Raises:
        OutputError: the folder cannot be written, or the disk is full.
    """
    data = model_bytes(weights, info, half, with_auxiliary)
    # Not with the library's save_file: its files are readable by their owner only, and it has other errors for a full
    # disk.
    write_file(path, data)


def model_bytes(weights: dict[str, Tensor], info: ModelInfo, half: bool = False, with_auxiliary: bool = False) -> bytes:
    """Return the content of a model file.

    Args:
        weights: a network's state dict.
        half: store kernels and matrices in fp16 (releases); they are read back as fp32.
        with_auxiliary: keep the auxiliary head, so that training can continue with it.
    """
    kept = {}
    for name, tensor in weights.items():
        if name.startswith(AUXILIARY_PREFIX) and not with_auxiliary:
            continue
        if tensor.is_floating_point():
            # Norms and biases are few and sensitive: they stay in fp32.
            tensor = tensor.half() if half and tensor.ndim > 1 else tensor.float()
        kept[name] = tensor.detach().cpu().contiguous()
    return save(kept, {METADATA_KEY: info.to_json()})


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a model file, floating-point ones in fp32.

    Raises:
        InputError, ModelError: missing, truncated, or not a model of hwr.
    """
    read_info(path)
    return {name: torch.tensor(values) for name, values in read_tensors(path).items()}


def load_model(path: Path, auxiliary: bool = False) -> tuple[Network, ModelInfo]:
    """Build the network that a model file describes and load its weights.

    Args:
        auxiliary: with the auxiliary head; it is initialised if the file does not have it.

    Raises:
        InputError, ModelError: missing, truncated, not a model, a specification that cannot be built, weights of other
            shapes than in the specification.
    """
    info = read_info(path)
    try:
        network = build(info.spec, auxiliary)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    if network.classes != info.classes or network.stride != info.stride or network.height != info.height:
        raise ModelError(f"{path}: the specification does not fit the alphabet, height or stride that the file states")
    fill(network, load_weights(path), path)
    return network.eval(), info


def fill(network: Network, weights: dict[str, Tensor], where: object) -> None:
    """Copy `weights` into a network.

    Raises:
        ModelError: a tensor is missing, unknown or of another shape.
    """
    own = network.state_dict()
    for name, tensor in own.items():
        if name.startswith(AUXILIARY_PREFIX) and name not in weights:
            weights = weights | {name: tensor}
    if network.auxiliary is None:
        weights = {name: tensor for name, tensor in weights.items() if not name.startswith(AUXILIARY_PREFIX)}
    wrong = sorted(set(own) ^ set(weights)) or [name for name in own if own[name].shape != weights[name].shape]
    if wrong:
        raise ModelError(f"{where}: the weights do not fit the specification (first: {wrong[0]})")
    with torch.no_grad():
        network.load_state_dict(weights)
