import { type Locator } from 'playwright-core';

/** The colour of an image at a place, 0 … 1 of its width and height. */
export function colourAt(image: Locator, x: number, y: number): Promise<{ red: number; green: number }> {
  return image.evaluate(
    (element, [left, top]) => {
      const shown = element as HTMLImageElement;
      const canvas = document.createElement('canvas');
      canvas.width = shown.naturalWidth;
      canvas.height = shown.naturalHeight;
      const context = canvas.getContext('2d')!;
      context.drawImage(shown, 0, 0);
      const { data } = context.getImageData(left * canvas.width, top * canvas.height, 1, 1);
      return { red: data[0]!, green: data[1]! };
    },
    [x, y] as const,
  );
}
