"""Readers that return arrays (weights, MNIST, photos, labels), and problems whose right answer is known."""

from minixai.data.arrays import read_arrays, write_arrays
from minixai.data.cifar import cifar10
from minixai.data.deep_compression import read_deep_compression
from minixai.data.digits import mnist
from minixai.data.downloads import fetch
from minixai.data.idx import read_idx
from minixai.data.labels import imagenet_labels
from minixai.data.patches import PlantedSample, planted
from minixai.data.photos import photo
from minixai.data.preprocessing import CAFFE_SQUEEZENET, TORCHVISION, Preprocess
from minixai.data.sealed import read_sealed, write_sealed
from minixai.data.signal_distractor import ToySample, toy
from minixai.data.suppressors import SuppressorSample, suppressor_2d, suppressor_8x8, tetrominoes, watermarked

__all__ = [
    "CAFFE_SQUEEZENET",
    "TORCHVISION",
    "PlantedSample",
    "Preprocess",
    "SuppressorSample",
    "ToySample",
    "cifar10",
    "fetch",
    "imagenet_labels",
    "mnist",
    "photo",
    "planted",
    "read_arrays",
    "read_deep_compression",
    "read_idx",
    "read_sealed",
    "suppressor_2d",
    "suppressor_8x8",
    "tetrominoes",
    "toy",
    "watermarked",
    "write_arrays",
    "write_sealed",
]
