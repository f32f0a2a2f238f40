"""Convolution of planes, forwards and backwards: what the networks over the plane share.

Planes are arrays of shape (B, C, H, W): B pictures with C features at each pixel. Kernels have shape (K, C, k, k) with
odd k, and the border is padded with zeros, so that H and W stay.
"""

import numpy as np
from common import Array
from numpy.lib.stride_tricks import sliding_window_view


def windows(x: Array, size: int, stride: int = 1) -> Array:
    """Return the neighbourhood of each pixel, (B, C, H / stride, W / stride, size, size)."""
    edge = size // 2
    padded = np.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    return sliding_window_view(padded, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]


def convolve(x: Array, w: Array, stride: int = 1) -> Array:
    """Return w * x, (B, K, H / stride, W / stride)."""
    z = np.tensordot(windows(x, w.shape[-1], stride), w, axes=([1, 4, 5], [1, 2, 3]))
    return np.moveaxis(z, 3, 1)


def convolve_back(x: Array, w: Array, dz: Array, stride: int = 1) -> tuple[Array, Array]:
    """Return the gradients of w and of x, given that of z = w * x."""
    dw = np.tensordot(dz, windows(x, w.shape[-1], stride), axes=([0, 2, 3], [0, 2, 3]))
    spread = np.zeros((*dz.shape[:2], *x.shape[2:]))
    spread[:, :, ::stride, ::stride] = dz
    return dw, convolve(spread, w[:, :, ::-1, ::-1].swapaxes(0, 1))


def kernel(rng: np.random.Generator, outputs: int, inputs: int, size: int = 3) -> Array:
    """Draw a kernel whose output has about the variance of its input after a ReLU (He et al. 2015)."""
    return rng.normal(0, np.sqrt(2 / (inputs * size * size)), (outputs, inputs, size, size))


def relu(x: Array) -> Array:
    """Return max(0, x)."""
    return np.maximum(0, x)


def reach(change: Array) -> tuple[int, int]:
    """Return height and width of the box around all pixels of (..., H, W) that are not zero."""
    pixels = np.argwhere(np.abs(change).reshape(-1, *change.shape[-2:]).max(0) > 0)
    height, width = pixels.max(0) - pixels.min(0) + 1
    return int(height), int(width)
