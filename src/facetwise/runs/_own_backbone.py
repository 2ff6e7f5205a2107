"""The backbone that a bundle's features come from, with the very weights that it was trained with."""

from facetwise.errors import BundleError, UserError
from facetwise.inference import Bundle
from facetwise.models.backbones import Backbone, TunedBackbone, create_backbone, network_of

__all__ = ["own_backbone"]


def own_backbone(bundle: Bundle) -> Backbone:
    """The backbone of a bundle; where it was fine-tuned, with the weights that the bundle holds.

    Raises:
        UserError: The features were given.
        BundleError: The backbone here has other weights.
    """
    about = bundle.backbone
    if about["name"] is None:
        raise UserError(
            "this run was trained on given features. Fix: use predict_features, or evaluate the run's own table"
        )
    if bundle.network is not None:
        origin = network_of(about["name"], **about["options"])
        return TunedBackbone(origin=origin, tensors=bundle.network, digest=about["sha256"], licence=about["licence"])
    backbone = create_backbone(about["name"], **about["options"])
    if (found := backbone.weights_digest()) != about["sha256"]:
        raise BundleError(
            f"the run was trained on {about['name']} with weights {about['sha256'][:12]}. Found {found[:12]}. "
            "Fix: install the same weights"
        )
    return backbone
