import { type HostToStudio, type NodeStatus } from '../../extension/protocol/studio';
import { onInspected } from '../model/inspectRequests';
import { onSegmentation } from '../model/segmentations';
import { bytesOf, pngUrl } from '../model/bytes';
import { onCommand } from './commands';
import { onDocument, show } from '../model/document';
import { placeKey, withCellFrame, withoutCells } from '../model/cellTimelines';
import { withoutStep, withPicture } from '../model/frames';
import { onClipboard } from '../model/actions/clipboard';
import { flushParams } from '../model/actions/params';
import { revealNode } from '../model/actions/selection';
import { postToHost } from '../model/host';
import { setTimeline } from '../model/page';
import { onHostError, onStepAnswered } from '../model/stepRequests';
import { withKept, withResult } from '../model/results';
import { openStage, resultNode } from '../model/stage';
import { withCell, withSweep } from '../model/sweeps';
import { readable } from '../model/words';
import { announce, studio, toast, useStudio } from '../model/store';

/** What the host says. One function a message; the compiler asks for each. */
type Handlers = { [K in HostToStudio['type']]: (message: Extract<HostToStudio, { type: K }>) => void };

const handlers: Handlers = {
  document: onDocument,
  problems: ({ problems }) => {
    const byNode: Record<string, typeof problems> = {};
    for (const problem of problems) if (problem.node !== undefined) (byNode[problem.node] ??= []).push(problem);
    useStudio.setState({ problems, problemsByNode: byNode, fixes: {} });
  },
  fixes: ({ code, offset, titles }) =>
    useStudio.setState((state) => ({ fixes: { ...state.fixes, [`${code}@${offset}`]: titles } })),
  checkpoints: ({ checkpoints }) => {
    useStudio.setState({ checkpoints });
    show();
  },
  pictures: ({ pictures }) => useStudio.setState({ pictures }),
  resolved: ({ uris }) => useStudio.setState((state) => ({ resolved: { ...state.resolved, ...keepHoles(uris) } })),
  run: onRun,
  node: ({ runId, node, status }) => onNode(runId, node, status),
  frame: ({ frame }) => {
    const { run, timelines } = studio();
    // A frame that was under way when the next run began is no longer wanted.
    if (run && frame.runId !== run.runId) return;
    useStudio.setState({ timelines: withCellFrame(timelines, { ...frame, rgba: bytesOf(frame.rgba) }) });
  },
  timelinePicture: ({ runId, node, cell, index, kind, png }) => {
    onStepAnswered({ runId, cell }, node, kind, index);
    const { timelines } = studio();
    const key = placeKey(cell);
    const timeline = timelines[node]?.[key];
    if (timeline?.runId !== runId) return;
    const known = png ? withPicture(timeline, { index, kind, url: pngUrl(png) }) : withoutStep(timeline, index);
    useStudio.setState({ timelines: { ...timelines, [node]: { ...timelines[node], [key]: known } } });
  },
  picture: ({ runId, node, port, png, caption }) => {
    const { run } = studio();
    const draft = run?.runId === runId ? run.draft : undefined;
    const picture = { runId, port, png: bytesOf(png), caption, draft };
    useStudio.setState((state) => withResult(state, node, picture));
  },
  sweep: (message) =>
    useStudio.setState(({ sweeps, timelines }) => ({
      sweeps: withSweep(sweeps, message, (url) => URL.revokeObjectURL(url)),
      timelines: withoutCells(timelines, message.node, message.runId),
    })),
  cell: (message) => {
    const url = message.png && pngUrl(message.png);
    const { runId, node, row, column } = message;
    useStudio.setState(({ sweeps }) => ({
      sweeps: withCell(sweeps, message, url),
      ...(sweeps[node]?.runId === runId && { latestCell: { sweep: node, row, column } }),
    }));
  },
  reveal: ({ node, param }) => revealNode(node, param),
  compare: ({ node, title, image, draft }) => {
    if (!openStage(node)) return toast(`${readable(node)} shows no single image to compare with.`);
    const earlier = { title, png: bytesOf(image), ...(draft && { draft }) };
    useStudio.setState((state) => withKept(state, resultNode(state.graph, node), earlier));
  },
  command: ({ command }) => onCommand(command),
  settings: ({ settings }) => useStudio.setState({ settings }),
  clipboard: ({ text }) => onClipboard(text),
  flush: ({ id }) => {
    flushParams();
    postToHost({ type: 'flushed', id });
  },
  inspected: onInspected,
  metrics: ({ node, metrics }) => useStudio.setState((state) => ({ metrics: { ...state.metrics, [node]: metrics } })),
  segmentation: onSegmentation,
  error: ({ message }) => {
    onHostError();
    toast(message);
  },
};

export function onMessage(message: HostToStudio): void {
  if (!Object.hasOwn(handlers, message.type)) return;
  (handlers[message.type] as (message: HostToStudio) => void)(message);
}

/** `{path: undefined}` does not survive JSON; null does, and means the same. */
function keepHoles(uris: Record<string, string | undefined | null>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(uris).map(([path, uri]) => [path, uri ?? undefined]));
}

function onRun({ run }: Extract<HostToStudio, { type: 'run' }>): void {
  const before = studio().run;
  const running = run?.state === 'running' || run?.state === 'queued';
  const another = run?.runId !== before?.runId;
  useStudio.setState({ run, running, ...(another ? { loopStep: undefined, latestCell: undefined } : {}) });
  // The strip follows a new run, wherever it stood in the last.
  if (another && running) setTimeline({ cell: undefined, index: undefined, compareWith: undefined });
  if (!run || (run.runId === before?.runId && run.state === before.state)) return;
  const words = {
    queued: 'The run is waiting for another to finish.',
    running: 'The run has started.',
    done: run.message ?? 'The run has finished.',
    failed: run.message ?? 'The run failed.',
    cancelled: 'The run was stopped.',
  };
  // On opening, the state of a past run is shown and not read out.
  if (before || running) announce(words[run.state]);
}

function onNode(runId: string, node: string, status: NodeStatus): void {
  const { run, graph, timelines } = studio();
  if (!run || run.runId !== runId) return;
  const before = run.nodes[node]?.state;
  useStudio.setState({ run: { ...run, nodes: { ...run.nodes, [node]: status } } });
  // Ticks on ranges follow the node that makes the result: the one that takes a transfer.
  const isLoop = graph?.nodes[node]?.inputs?.['transfer'] !== undefined && timelines[node] !== undefined;
  if (isLoop && status.step !== undefined) useStudio.setState({ loopStep: status.step });
  if (status.state !== before && (status.state === 'running' || status.state === 'failed')) {
    announce(`${readable(node)}: ${status.state}${status.message ? `. ${status.message}` : ''}`);
  }
}
