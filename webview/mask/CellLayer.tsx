import { useLayoutEffect, useRef } from 'react';
import { clusterColour, heatColour } from '../../extension/protocol/colours';
import { maskCell } from '../../extension/protocol/mask';
import { type Segmentation } from '../model/segmentations';

export type Layer = 'mask' | 'clusters' | 'noun';

/** The cells of the chosen layer, one pixel each; the page scales them. */
export function CellLayer(props: { layer: Layer; found: Segmentation; mask: Uint8Array; correction: Uint8Array }) {
  const { layer, found, mask, correction } = props;
  const { labels, nounMap } = found;
  const { width, height } = found.grid;
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = new ImageData(width, height);
    const clusters = Math.max(...labels) + 1;
    for (let cell = 0; cell < labels.length; cell++) {
      const [red, green, blue, opacity] = colourOf(cell);
      image.data.set([red, green, blue, 255 * opacity], 4 * cell);
    }
    context.putImageData(image, 0, 0);
    function colourOf(cell: number): [number, number, number, number] {
      if (layer === 'clusters') return [...clusterColour(labels[cell] ?? 0, clusters), 0.6];
      if (layer === 'noun') return [...heatColour((nounMap[cell] ?? 0) / 255), nounMap.length > 0 ? 0.75 : 0];
      if (correction[cell] === maskCell.inside) return [70, 220, 120, 0.45];
      if (correction[cell] === maskCell.outside) return [235, 60, 60, 0.62];
      return mask[cell] ? [0, 0, 0, 0] : [0, 0, 0, 0.68];
    }
  }, [layer, width, height, labels, nounMap, mask, correction]);
  return <canvas ref={canvas} className="mask-cells" width={width} height={height} aria-hidden="true" />;
}
