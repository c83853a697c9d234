"""Pictures: files, random changes, and batches of them. As `keras.preprocessing.image`."""

from cornu.preprocessing.image.files import DirectoryIterator
from cornu.preprocessing.image.generator import ImageDataGenerator
from cornu.preprocessing.image.iterators import Iterator, NumpyArrayIterator
from cornu.preprocessing.image.single import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    apply_transform,
    flip_axis,
    list_pictures,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)
from cornu.preprocessing.image.tables import DataFrameIterator
from cornu.utils.image_files import array_to_img, img_to_array, load_img, save_img
from cornu.utils.image_resizing import smart_resize

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "transform_matrix_offset_center",
]
