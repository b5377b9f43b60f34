import { pngOf } from '../model/bytes';
import { toast } from '../model/store';
import { drawnOn, sizeOf } from './pixels';

/** Puts the image that shows on the clipboard, at its own size. */
export async function copyShown(frame: HTMLElement | null): Promise<void> {
  const name = frame?.dataset['shows'];
  const drawn = frame?.querySelector<HTMLImageElement | HTMLCanvasElement>(`[data-layer="${name}"] > *`);
  const size = drawn && sizeOf(drawn);
  const canvas = drawn && size && drawnOn(drawn, size)?.canvas;
  if (!canvas) return;
  try {
    const png = await pngOf(canvas);
    if (!png) return;
    await navigator.clipboard.write([
      new ClipboardItem({ 'image/png': new Blob([new Uint8Array(png)], { type: 'image/png' }) }),
    ]);
    toast('Copied the image.', 'info');
  } catch {
    toast('The browser did not let Weft copy the image. Open it in VS Code and copy it there.');
  }
}
