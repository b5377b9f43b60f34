import { floatsOf, type AttentionRequest, type InspectInfo, tokensOf } from '../../extension/protocol/inspect';
import { middleOf } from '../../extension/protocol/size';
import { bytesOf, pngUrl } from '../model/bytes';
import { ask } from '../model/inspectRequests';
import { setTimeline } from '../model/page';
import { studio } from '../model/store';
import { attention, gridOf, middleStep, type Point, pointKey, renew, useAttention, type View, viewKey } from './store';

/** Learns what can be asked of the last run's node; called again whenever the run moves on until there is an answer. */
export async function begin(node: string): Promise<void> {
  const { run } = studio();
  if (!run) {
    useAttention.setState({ info: undefined, sentence: 'This graph has not run in this window yet.' });
    return;
  }
  if (attention().info?.runId === run.runId) return;
  try {
    const info = await ask('inspect.open', { runId: run.runId, node });
    if (studio().page.inspecting !== node || studio().run?.runId !== info.runId) return;
    if (attention().info?.runId === info.runId) return;
    renew(info);
    const { level } = attention();
    // The strip and the inspector show one step; without a choice the one in the middle of the swap says most.
    const { timeline } = studio().page;
    if (!studio().running && (timeline.node !== node || timeline.index === undefined)) {
      setTimeline({ node, index: middleStep(info, level) });
    } else setTimeline({ node });
    for (const picture of [...info.appearances.keys(), 'structure' as const]) {
      const { png } = await ask('inspect.picture', { runId: info.runId, node, picture });
      if (attention().info !== info) return;
      const url = pngUrl(png);
      const before = attention().pictures[picture];
      useAttention.setState(({ pictures }) => ({ pictures: { ...pictures, [picture]: url } }));
      if (before !== undefined) URL.revokeObjectURL(before);
    }
  } catch (error) {
    if (!attention().info) useAttention.setState({ sentence: messageOf(error) });
  }
}

let asking = false;
let waiting: { view: View; point: Point; since: number }[] = [];

/**
 * Asks for the maps of points, the most wanted first, unless they are known. One question is under way at a time; those of an earlier
 * call that still wait are wanted no longer.
 */
export function wantMaps(view: View, points: readonly Point[]): void {
  const { maps } = attention();
  const since = performance.now();
  waiting = points.filter((point) => !maps.has(pointKey(view, point))).map((point) => ({ view, point, since }));
  if (!asking) void askNext();
}

async function askNext(): Promise<void> {
  asking = true;
  for (let wanted = waiting.shift(); wanted; wanted = waiting.shift()) {
    const { view, point, since } = wanted;
    await loadMap(view, point);
    window.requestAnimationFrame(() => useAttention.setState({ latency: performance.now() - since }));
  }
  asking = false;
}

/** So many maps stay on the page: 16 kB each at 64 × 64. */
const KEPT_MAPS = 1500;

async function loadMap(view: View, point: Point): Promise<void> {
  const { info } = attention();
  const key = pointKey(view, point);
  if (!info || attention().maps.has(key)) return;
  const points = [middleOf(point.token, gridOf(info, view.level))];
  const asked = ask('inspect.map', { ...request(info, view), from: point.side, points });
  await answered(info, asked, ({ weights, peaks: [peak] }) => {
    if (!peak) return;
    const maps = new Map(attention().maps);
    maps.set(key, { map: floatsOf(bytesOf(weights)), peak });
    for (const oldest of maps.keys()) {
      if (maps.size <= KEPT_MAPS) break;
      maps.delete(oldest);
    }
    useAttention.setState({ maps, sentence: undefined });
  });
}

export async function loadCorrespondence(view: View): Promise<void> {
  const { info, correspondences } = attention();
  const key = viewKey(view);
  if (!info || correspondences.has(key)) return;
  await answered(info, ask('inspect.correspondence', request(info, view)), ({ targets, weights }) => {
    const found = { targets: tokensOf(bytesOf(targets)), weights: floatsOf(bytesOf(weights)) };
    useAttention.setState((state) => ({
      correspondences: new Map(state.correspondences).set(key, found),
      sentence: undefined,
    }));
  });
}

/** Arrows start at so many places a side. */
const ARROWS = 6;

export async function loadArrows(view: View): Promise<void> {
  const { info, arrows } = attention();
  const key = viewKey(view);
  if (!info || arrows.has(key)) return;
  const { width, height } = gridOf(info, view.level);
  const starts = { width: Math.min(ARROWS, width), height: Math.min(ARROWS, height) };
  const points = Array.from({ length: starts.width * starts.height }, (_, index) => middleOf(index, starts));
  const asked = ask('inspect.map', { ...request(info, view), from: 'output', points, peaksOnly: true });
  await answered(info, asked, ({ peaks }) => {
    const found = peaks.map((to, index) => ({ from: points[index] ?? ([0, 0] as [number, number]), to }));
    useAttention.setState((state) => ({ arrows: new Map(state.arrows).set(key, found), sentence: undefined }));
  });
}

const request = (info: InspectInfo, view: View): AttentionRequest => ({ runId: info.runId, node: info.node, ...view });

/** Takes an answer unless another run is shown by now; a refusal is said in the view. */
async function answered<T>(info: InspectInfo, asked: Promise<T>, take: (answer: T) => void): Promise<void> {
  try {
    const answer = await asked;
    if (attention().info === info) take(answer);
  } catch (error) {
    useAttention.setState({ sentence: messageOf(error) });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
