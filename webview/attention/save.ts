import { pngOf } from '../model/bytes';
import { postToHost } from '../model/host';
import { studio } from '../model/store';
import { cssColour, PIN_COLOURS } from './heat';
import { useAttention } from './store';

/** Width of each picture. */
const WIDTH = 768;
const GAP = 24;

/** Both pictures as they are shown, side by side, as a PNG to be saved where the person says. */
export async function saveInspection(): Promise<void> {
  const { info, pins } = useAttention.getState();
  const height = info ? Math.round((WIDTH * info.size.height) / info.size.width) : WIDTH;
  const canvas = document.createElement('canvas');
  canvas.width = 2 * WIDTH + GAP;
  canvas.height = height;
  const context = canvas.getContext('2d');
  if (!context) return;
  for (const [index, which] of (['output', 'source'] as const).entries()) {
    const pane = document.querySelector(`[data-testid="inspect-${which}"]`);
    const picture = pane?.querySelector<HTMLImageElement | HTMLCanvasElement>('.inspect-picture > *');
    const heat = pane?.querySelector<HTMLCanvasElement>('.inspect-heat');
    const marks = pane?.querySelector<SVGSVGElement>('.inspect-marks');
    const left = index * (WIDTH + GAP);
    const covered = heat?.dataset['shown'] === 'true';
    if (picture) {
      context.filter = covered ? 'grayscale(0.65) brightness(0.55)' : 'none';
      context.drawImage(picture, left, 0, WIDTH, height);
      context.filter = 'none';
    }
    if (heat && covered) context.drawImage(heat, left, 0, WIDTH, height);
    if (marks) drawMarks(context, marks, left);
  }
  for (const { side, x, y, colour } of pins) {
    context.beginPath();
    context.arc((side === 'output' ? 0 : WIDTH + GAP) + x * WIDTH, y * height, 9, 0, 2 * Math.PI);
    context.fillStyle = cssColour(PIN_COLOURS[colour] ?? [255, 255, 255]);
    context.strokeStyle = '#000';
    context.lineWidth = 2;
    context.fill();
    context.stroke();
  }
  const png = await pngOf(canvas);
  if (!png) return;
  const stem = studio().fileName.replace(/\.weft\.json$/, '');
  const { mode } = useAttention.getState();
  postToHost({ type: 'savePng', name: `${stem}.${mode === 'map' ? 'correspondence' : 'attention'}.png`, png });
}

/** Arrows and dots, whose coordinates are shares of the picture's width. */
function drawMarks(context: CanvasRenderingContext2D, marks: SVGSVGElement, left: number): void {
  context.save();
  context.translate(left, 0);
  context.scale(WIDTH, WIDTH);
  for (const shape of marks.querySelectorAll('line.arrow-line, circle, polygon')) {
    const colour = shape.getAttribute('fill') ?? shape.parentElement?.getAttribute('fill') ?? '#fff';
    const at = (name: string) => Number(shape.getAttribute(name));
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = 0.005;
    context.beginPath();
    if (shape instanceof SVGLineElement) {
      context.moveTo(at('x1'), at('y1'));
      context.lineTo(at('x2'), at('y2'));
      context.stroke();
    } else if (shape instanceof SVGCircleElement) {
      context.arc(at('cx'), at('cy'), at('r'), 0, 2 * Math.PI);
      context.fill();
    } else {
      for (const [index, corner] of (shape.getAttribute('points') ?? '').split(' ').entries()) {
        const [x, y] = corner.split(',').map(Number) as [number, number];
        if (index === 0) context.moveTo(x, y);
        else context.lineTo(x, y);
      }
      context.fill();
    }
  }
  context.restore();
}
