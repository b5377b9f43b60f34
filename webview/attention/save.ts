import { pngOf } from '../model/bytes';
import { postToHost } from '../model/host';
import { studio } from '../model/store';
import { useAttention } from './store';

/** Width of each picture. */
const WIDTH = 768;

/** Both pictures as they are shown, side by side, as a PNG to be saved where the person says. */
export async function saveInspection(): Promise<void> {
  const flow = document.querySelector<SVGSVGElement>('.inspect-flow');
  const panes = (['output', 'source'] as const).map((which) =>
    document.querySelector(`[data-testid="inspect-${which}"]`),
  );
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const size = panes[0]?.getBoundingClientRect();
  if (!context || !flow || !size) return;
  const scale = WIDTH / size.width;
  const { width, height } = flow.viewBox.baseVal;
  canvas.width = Math.round(scale * width);
  canvas.height = Math.round(scale * height);
  context.scale(scale, scale);
  for (const [index, pane] of panes.entries()) {
    const picture = pane?.querySelector<HTMLImageElement | HTMLCanvasElement>('.inspect-picture > *');
    const heat = pane?.querySelector<HTMLCanvasElement>('.inspect-heat');
    const left = index * (width - size.width);
    const covered = heat?.dataset['shown'] === 'true';
    if (picture) {
      context.filter = covered ? 'grayscale(0.65) brightness(0.55)' : 'none';
      context.drawImage(picture, left, 0, size.width, height);
      context.filter = 'none';
    }
    if (heat && covered) context.drawImage(heat, left, 0, size.width, height);
  }
  for (const shape of flow.querySelectorAll<SVGElement>('path, circle, text')) drawShape(context, shape);
  const png = await pngOf(canvas);
  if (!png) return;
  const stem = studio().fileName.replace(/\.weft\.json$/, '');
  const { mode } = useAttention.getState();
  postToHost({ type: 'savePng', name: `${stem}.${mode === 'map' ? 'correspondence' : 'attention'}.png`, png });
}

/** A shape of the drawing across both pictures, in the look that its style sheet gives it. */
function drawShape(context: CanvasRenderingContext2D, shape: SVGElement): void {
  const { fill, stroke, strokeWidth, strokeDasharray, font } = getComputedStyle(shape);
  const at = (name: string) => Number(shape.getAttribute(name));
  context.save();
  const group = shape.closest('.pin');
  if (group) context.globalAlpha = Number(getComputedStyle(group).opacity);
  const clip = /#([\w-]+)/.exec(shape.parentElement?.getAttribute('clip-path') ?? '')?.[1];
  const rect = clip === undefined ? undefined : shape.ownerSVGElement?.querySelector(`#${clip} rect`);
  if (rect) {
    const [x, width, height] = ['x', 'width', 'height'].map((name) => Number(rect.getAttribute(name)));
    context.beginPath();
    context.rect(x!, 0, width!, height!);
    context.clip();
  }
  context.lineWidth = parseFloat(strokeWidth);
  context.setLineDash(strokeDasharray === 'none' ? [] : strokeDasharray.split(/[ ,]+/).map(parseFloat));
  context.fillStyle = fill;
  context.strokeStyle = stroke;
  if (shape instanceof SVGTextElement) {
    context.font = font;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(shape.textContent, at('x'), at('y'));
  } else {
    const path = new Path2D(shape instanceof SVGCircleElement ? undefined : (shape.getAttribute('d') ?? ''));
    if (shape instanceof SVGCircleElement) path.arc(at('cx'), at('cy'), at('r'), 0, 2 * Math.PI);
    if (fill !== 'none') context.fill(path);
    if (stroke !== 'none') context.stroke(path);
  }
  context.restore();
}
