import { type SizeFacts } from '../../graph';
import { type PreparedCheckpoint } from './types';

/** Which sizes of pictures a checkpoint can work at: read from its graphs. */
export function sizeFacts(checkpoint: Omit<PreparedCheckpoint, 'folder' | 'builtIn'>): SizeFacts {
  const { id, pictureSize, vaeScale, unet, fixedSize } = checkpoint;
  const { latentSize, upBlockChannels } = unet.interface;
  return {
    id,
    pictureSize,
    sizes: {
      fixed: fixedSize ?? latentSize !== undefined,
      // Between two up blocks the UNet doubles what the way down has halved.
      multipleOf: vaeScale * 2 ** Math.max(0, upBlockChannels.length - 1),
    },
  };
}
