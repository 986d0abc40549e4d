"""Networks, with torchvision's layer names, and their files of weights."""

from minixai.models.all_cnn import allcnn, allcnn_parameters
from minixai.models.lenet import lenet5
from minixai.models.shipped_networks import pretrained
from minixai.models.squeezenet import squeezenet1_0
from minixai.models.vgg import vgg16
from minixai.models.weights import load_weights, save_weights

__all__ = [
    "allcnn",
    "allcnn_parameters",
    "lenet5",
    "load_weights",
    "pretrained",
    "save_weights",
    "squeezenet1_0",
    "vgg16",
]
