import { create } from 'zustand';
import { type SegmentationNews } from '../../extension/protocol/mask';
import { type HostToStudio } from '../../extension/protocol/studio';
import { bytesOf, pngUrl } from './bytes';

/** What a segment node found, with its picture as a URL. */
export interface Segmentation extends SegmentationNews {
  url: string;
}

/** By node: what the last run found. */
export const useSegmentations = create<Readonly<Record<string, Segmentation>>>()(() => ({}));

export function onSegmentation(message: Extract<HostToStudio, { type: 'segmentation' }>): void {
  const old = useSegmentations.getState()[message.node];
  if (old) URL.revokeObjectURL(old.url);
  useSegmentations.setState({
    [message.node]: {
      ...message,
      labels: bytesOf(message.labels),
      inside: bytesOf(message.inside),
      nounMap: bytesOf(message.nounMap),
      found: bytesOf(message.found),
      correction: bytesOf(message.correction),
      png: bytesOf(message.png),
      url: pngUrl(message.png),
    },
  });
}
