import { memo, useLayoutEffect, useRef } from 'react';
import { type StepPicture } from '../model/frames';

/** A step's picture: pixels go straight to a canvas, a PNG into an image. */
export const StepImage = memo(function StepImage({ step, label }: { step: StepPicture; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { pixels, width, height, url } = step;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context || !pixels) return;
    context.putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  }, [pixels, width, height]);
  if (url) return <img src={url} alt={label} draggable={false} decoding="async" />;
  return <canvas ref={canvas} width={width} height={height} role="img" aria-label={label} />;
});
