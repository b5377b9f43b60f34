import { type GraphDocument, parseWire, specOf, upstreamOf, wiresOf } from '../../extension/graph';
import { canvasControl } from './control';
import { pictureKind } from './face';
import { denoiseAbove, swapAbove } from './upstream';
import { setPage } from './page';
import { studio, useStudio } from './store';

/** Whose picture a node shows: a node that saves shows that of the node it saves. */
export function resultNode(graph: GraphDocument | undefined, id: string): string {
  const node = graph?.nodes[id];
  const spec = node && specOf(node.type);
  if (!spec || pictureKind(spec) !== 'saved') return id;
  return wiresOf(node.inputs?.[spec.inputs[0]?.name ?? ''])[0]?.split('.')[0] ?? id;
}

/** The path that a node reads or writes, as the graph has it. */
export function pathOf(graph: GraphDocument | undefined, id: string): { path: string; access: string } | undefined {
  const node = graph?.nodes[id];
  const param = (node && specOf(node.type))?.params.find(({ kind }) => kind === 'path');
  if (!node || param?.kind !== 'path') return undefined;
  const path = node.params?.[param.name] ?? param.default;
  return typeof path === 'string' && path !== '' ? { path, access: param.access } : undefined;
}

/** A node with a file of what this one shows: itself, or one that saves it. */
export function fileNode(graph: GraphDocument | undefined, id: string): string | undefined {
  if (pathOf(graph, id)) return id;
  const saving = Object.keys(graph?.nodes ?? {}).filter((other) => other !== id && resultNode(graph, other) === id);
  return saving[0];
}

export interface SourceImage {
  /** Id of the node that reads it. */
  node: string;
  input: 'structure' | 'appearance';
  path: string;
}

/** The files that the result of a node was made from. */
export function sourceImages(graph: GraphDocument | undefined, id: string): SourceImage[] {
  const denoise = denoiseAbove(graph, id);
  const swap = denoise === undefined ? undefined : swapAbove(graph, denoise);
  if (!graph || swap === undefined) return [];
  return (['structure', 'appearance'] as const).flatMap((input) =>
    wiresOf(graph.nodes[swap]?.inputs?.[input]).flatMap((wire) => {
      const node = fileAbove(graph, parseWire(wire)?.node);
      const path = node === undefined ? undefined : pathOf(graph, node)?.path;
      return node === undefined || path === undefined ? [] : [{ node, input, path }];
    }),
  );
}

/** The nearest node upstream that reads an image file. */
function fileAbove(graph: GraphDocument, id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  return [...upstreamOf(graph, id)].find((each) => pictureOfType(graph.nodes[each]?.type ?? '') === 'file');
}

/** Whether a node has a single image to show. */
export function showsImage(graph: GraphDocument | undefined, id: string): boolean {
  const kind = pictureOfType(graph?.nodes[id]?.type ?? '');
  return kind !== undefined && kind !== 'compare' && kind !== 'sweep';
}

/** Shows a node's image in place of the canvas. @returns false for a node that shows no single image, which stays as it is */
export function openStage(id: string): boolean {
  if (!showsImage(studio().graph, id)) return false;
  setPage({ viewing: id, inspecting: undefined, masking: undefined, matching: undefined });
  return true;
}

const pictureOfType = (type: string) => {
  const spec = specOf(type);
  return spec && pictureKind(spec);
};

/** Back to the graph, and to the node whose image it was. */
export function closeStage(): void {
  const id = studio().page.viewing;
  setPage({ viewing: undefined });
  if (id !== undefined) window.requestAnimationFrame(() => canvasControl().focusNode(id));
}

/** Keeps the earlier picture of a node whatever runs, or no longer. */
export function toggleKept(id: string): void {
  const { earlier } = studio();
  const picture = earlier[id];
  if (!picture) return;
  const { kept, ...rest } = picture;
  useStudio.setState({ earlier: { ...earlier, [id]: kept ? rest : { ...rest, kept: true } } });
}
