"""AlexNet with every width and kernel a keyword, for pictures of any size from about 32 pixels."""

from jaxtyping import Float
from torch import Tensor, nn

from facetwise.errors import UserError
from facetwise.models.backbones._depths import map_row, token_level

__all__ = ["AlexNet", "AlexNetDepths"]

# Positions per side that the first linear layer reads, whatever the picture's size (Krizhevsky et al. 2012: 6 x 6).
_GRID = 6


class AlexNet(nn.Module):
    """Five convolutions and two linear layers: pictures to vectors.

    The names of the tensors are torchvision's, so its AlexNet weights fit; paddings are torchvision's too (2, 2, 1, 1,
    1 for the usual kernels: half the kernel, of the first 2). Adaptive pooling brings any last map to 6 x 6, so that
    `linear_input_dim` is `conv5_out_channels * 36` at 224 and at 64 pixels.

    Args:
        input_channels: of the picture.
        conv1_out_channels, conv2_out_channels, conv3_out_channels, conv4_out_channels, conv5_out_channels: widths.
        conv1_kernel_size, conv2_kernel_size, conv3_kernel_size, conv4_kernel_size, conv5_kernel_size: odd sides.
        conv1_stride: of the first convolution.
        linear_input_dim: what the first linear layer reads.
        linear1_out_dim, linear2_out_dim: widths of the linear layers.
    """

    def __init__(
        self,
        *,
        input_channels: int = 3,
        conv1_out_channels: int = 64,
        conv1_kernel_size: int = 11,
        conv1_stride: int = 4,
        conv2_out_channels: int = 192,
        conv2_kernel_size: int = 5,
        conv3_out_channels: int = 384,
        conv3_kernel_size: int = 3,
        conv4_out_channels: int = 256,
        conv4_kernel_size: int = 3,
        conv5_out_channels: int = 256,
        conv5_kernel_size: int = 3,
        linear_input_dim: int = 256 * 6 * 6,
        linear1_out_dim: int = 4096,
        linear2_out_dim: int = 4096,
    ) -> None:
        super().__init__()
        if linear_input_dim != conv5_out_channels * _GRID * _GRID:
            raise UserError(
                f"`linear_input_dim` is conv5_out_channels * {_GRID} * {_GRID} = {conv5_out_channels * _GRID**2}. "
                f"Found linear_input_dim = {linear_input_dim}"
            )
        self.features = nn.Sequential(
            nn.Conv2d(input_channels, conv1_out_channels, conv1_kernel_size, stride=conv1_stride, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(conv1_out_channels, conv2_out_channels, conv2_kernel_size, padding=conv2_kernel_size // 2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(conv2_out_channels, conv3_out_channels, conv3_kernel_size, padding=conv3_kernel_size // 2),
            nn.ReLU(),
            nn.Conv2d(conv3_out_channels, conv4_out_channels, conv4_kernel_size, padding=conv4_kernel_size // 2),
            nn.ReLU(),
            nn.Conv2d(conv4_out_channels, conv5_out_channels, conv5_kernel_size, padding=conv5_kernel_size // 2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.pool = nn.AdaptiveAvgPool2d(_GRID)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(linear_input_dim, linear1_out_dim),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(linear1_out_dim, linear2_out_dim),
            nn.ReLU(),
        )

    def stages(self, images: Float[Tensor, "batch channel rows columns"]) -> list[Tensor]:
        """The map after each of the five convolutions, before it is pooled, and the last map after its pooling."""
        maps = []
        for layer in self.features:
            images = layer(images)
            if isinstance(layer, nn.ReLU):
                maps.append(images)
        return [*maps, images]

    def forward(self, images: Float[Tensor, "batch channel rows columns"]) -> Float[Tensor, "batch width"]:
        """Pictures to what the last linear layer gives."""
        return self.classifier(self.pool(self.features(images)).flatten(1))


class AlexNetDepths(nn.Module):
    """An `AlexNet` as levels: mean and deviation of each convolution's map, then what the last linear layer gives.

    Args:
        network: the network.
        patch_tokens: the positions of the last map in place of all levels.
    """

    def __init__(self, network: AlexNet, *, patch_tokens: bool) -> None:
        super().__init__()
        self.network = network
        self.patch_tokens = patch_tokens

    def forward(self, images: Float[Tensor, "batch 3 rows columns"]) -> dict[str, Tensor]:
        """Level to `batch width`."""
        *maps, last = self.network.stages(images)
        if self.patch_tokens:
            return token_level(last.flatten(2).transpose(1, 2))
        levels = {f"stage{number}": map_row(stage.flatten(2)) for number, stage in enumerate(maps, start=1)}
        levels["last"] = self.network.classifier(self.network.pool(last).flatten(1))
        return levels
