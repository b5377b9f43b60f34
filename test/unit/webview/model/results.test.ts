import { describe, expect, it } from 'vitest';
import { parseGraph, standardGraph, writeGraph } from '../../../../extension/graph';
import { resultNames, withResult } from '../../../../webview/model/results';
import { type EarlierPicture } from '../../../../webview/model/store';
import { fileNode, resultNode, sourceImages } from '../../../../webview/model/stage';
import { difference, meanWords } from '../../../../webview/stage/difference';
import { fitView, zoomAt } from '../../../../webview/stage/view';

const urls = () => {
  const open: string[] = [];
  return {
    open,
    createObjectURL: () => `blob:${open.push(`blob:${open.length + 1}`)}`,
    revokeObjectURL: (url: string) => void open.splice(open.indexOf(url), 1, ''),
  };
};
const png = (...bytes: number[]) => Uint8Array.from(bytes);
const made = (runId: string, bytes: Uint8Array, draft = false) => ({
  runId,
  port: 'image',
  png: bytes,
  ...(draft && { draft: true as const }),
});

describe('the result before', () => {
  const nothing = { nodePictures: {}, earlier: {} };

  it('stands beside the new one, and what stood there goes', () => {
    const at = urls();
    let state = withResult(nothing, 'denoise', made('run-1', png(1)), at);
    expect(state.earlier).toEqual({});
    state = withResult(state, 'denoise', made('run-2', png(2)), at);
    state = withResult(state, 'denoise', made('run-3', png(3)), at);
    expect([state.earlier['denoise']?.png, state.nodePictures['denoise']?.png]).toEqual([png(2), png(3)]);
    expect(at.open).toEqual(['', 'blob:2', 'blob:3']);
  });

  it('stays when the same image is made anew, which is not decoded again', () => {
    const at = urls();
    let state = withResult(nothing, 'denoise', made('run-1', png(1)), at);
    state = withResult(state, 'denoise', made('run-2', png(2)), at);
    const again = withResult(state, 'denoise', made('run-3', png(2)), at);
    expect(again.earlier).toBe(state.earlier);
    expect(again.nodePictures['denoise']).toMatchObject({ runId: 'run-3', url: 'blob:2' });
  });

  it('stays when it is kept', () => {
    const at = urls();
    let state = withResult(nothing, 'denoise', made('run-1', png(1)), at);
    state = withResult(state, 'denoise', made('run-2', png(2)), at);
    const kept: EarlierPicture = { ...state.earlier['denoise']!, kept: true };
    state = withResult({ ...state, earlier: { denoise: kept } }, 'denoise', made('run-3', png(3)), at);
    expect(state.earlier['denoise']?.png).toEqual(png(1));
    expect(at.open).toEqual(['blob:1', '', 'blob:3']);
  });

  it('is called by what it is', () => {
    expect(resultNames({}, {})).toEqual(['Before', 'Now']);
    expect(resultNames({ draft: true }, {})).toEqual(['Draft', 'Final']);
    expect(resultNames({}, { draft: true })).toEqual(['Final', 'Draft']);
    expect(resultNames({ draft: true }, { draft: true })).toEqual(['Before', 'Now']);
    expect(resultNames({ title: 'contrast 1.67 → 5' }, {})).toEqual(['contrast 1.67 → 5', 'Now']);
  });
});

describe('what a node shows', () => {
  const text = writeGraph(standardGraph({ structure: 'a.png', appearance: 'b.png', domain: 'animal' }));
  const graph = parseGraph(text).document;

  it('is, where it saves, what it saves; and its file is the saved one', () => {
    expect(resultNode(graph, 'save')).toBe('denoise');
    expect(resultNode(graph, 'denoise')).toBe('denoise');
    expect([fileNode(graph, 'denoise'), fileNode(graph, 'structure'), fileNode(graph, 'swap')]).toEqual([
      'save',
      'structure',
      undefined,
    ]);
  });

  it('was made from a structure and an appearance', () => {
    expect(sourceImages(graph, 'denoise')).toEqual([
      { node: 'structure', input: 'structure', path: 'a.png' },
      { node: 'appearance', input: 'appearance', path: 'b.png' },
    ]);
    expect(sourceImages(graph, 'structure')).toEqual([]);
  });
});

describe('the viewer', () => {
  it('measures the mean difference over red, green and blue', () => {
    const a = Uint8ClampedArray.of(10, 20, 30, 255, 0, 0, 0, 255);
    const b = Uint8ClampedArray.of(13, 20, 30, 0, 0, 100, 0, 255);
    const { pixels, mean } = difference(a, b);
    expect(mean).toBeCloseTo(103 / 6, 10);
    expect([...pixels]).toEqual([12, 0, 0, 255, 0, 255, 0, 255]);
    expect([meanWords(mean), meanWords(0.123)]).toEqual(['17.2 of 255', '0.12 of 255']);
  });

  it('fits an image of any shape, and zooms at a place', () => {
    const room = { width: 424, height: 224 };
    expect(fitView({ width: 100, height: 100 }, room)).toEqual({ scale: 2, x: 112, y: 12 });
    const view = zoomAt({ scale: 2, x: 112, y: 12 }, 2, { x: 212, y: 112 });
    expect(view).toEqual({ scale: 4, x: 12, y: -88 });
  });
});
