import { type FrameColour, freshFrameId, type GraphDocument } from '../../../extension/graph';
import { canvasControl } from '../control';
import { edit } from '../document';
import { FRAME_PREFIX } from '../flow';
import { frameAround } from '../geometry';
import { studio, useStudio } from '../store';
import { plural } from '../words';
import { boxes } from './places';
import { select } from './selection';

export function addFrame(): void {
  const { graph } = studio();
  if (!graph) return;
  const ids = new Set(studio().page.selection);
  const view = canvasControl().visibleRect();
  const around = frameAround(boxes().filter((box) => ids.has(box.id)));
  const rect = around ?? [
    Math.round(view.x + view.width / 2 - 160),
    Math.round(view.y + view.height / 2 - 100),
    320,
    200,
  ];
  const id = freshFrameId(graph);
  if (!edit([{ kind: 'addFrame', id, text: 'Comment', rect }], 'Add a frame')) return;
  select([FRAME_PREFIX + id]);
  useStudio.setState({ renaming: FRAME_PREFIX + id });
}

export function setFrameText(id: string, text: string): void {
  if (studio().graph?.frames?.[id]?.text === text) return;
  edit([{ kind: 'updateFrame', id, text }], 'Change the text of a frame');
}

/** @param colour undefined takes it away */
export function setFrameColour(ids: readonly string[], colour: FrameColour | undefined): void {
  edit(
    ids.map((id) => ({ kind: 'updateFrame', id, colour: colour ?? null })),
    `Colour ${ids.length === 1 ? 'a frame' : plural(ids.length, 'frame')}`,
  );
}

/** The colour that all these frames have. */
export function sharedColour(
  graph: GraphDocument | undefined,
  ids: readonly string[],
): FrameColour | 'mixed' | undefined {
  const [first, ...others] = new Set(ids.map((id) => graph?.frames?.[id]?.colour));
  return others.length > 0 ? 'mixed' : first;
}
