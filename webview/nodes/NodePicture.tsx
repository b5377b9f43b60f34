import { memo, type ReactNode } from 'react';
import { type NodeData } from '../model/flow';
import { resultTimeline, scrubbedStep } from '../model/cellTimelines';
import { newest, type StepPicture } from '../model/frames';
import { postToHost } from '../model/host';
import { setPage } from '../model/page';
import { type StudioState, useStudio } from '../model/store';
import { baseName, readable } from '../model/words';
import { openInspection } from '../model/inspection';
import { openStage, resultNode } from '../model/stage';
import { CompareSlider } from '../ui/CompareSlider';
import { type PictureKind } from '../model/face';
import { SweepPicture } from './SweepPicture';
import { StepImage } from '../ui/StepImage';

/** The picture on a node's face: its file, its newest step, its result, or what it compares. */
export const NodePicture = memo(function NodePicture(props: {
  id: string;
  data: NodeData;
  kind: PictureKind;
  selected: boolean;
}) {
  const { id, data, kind, selected } = props;
  if (kind === 'compare') return <ComparePicture data={data} />;
  if (kind === 'sweep') return <SweepPicture id={id} selected={selected} />;
  if (kind === 'file') return <FilePicture id={id} data={data} selected={selected} />;
  return <RunPicture id={id} kind={kind} selected={selected} />;
});

function FilePicture({ id, data, selected }: { id: string; data: NodeData; selected: boolean }) {
  const param = data.spec?.params.find((candidate) => candidate.kind === 'path');
  const path = param ? data.params[param.name] : undefined;
  const uri = useStudio((state) => (typeof path === 'string' ? state.resolved[path] : undefined));
  const known = useStudio((state) => typeof path === 'string' && wasLookedFor(state, id, path));
  const pick = () => param && postToHost({ type: 'pickFile', node: id, param: param.name });
  if (typeof path !== 'string' || path === '') {
    return (
      <Placeholder icon="file-media">
        <button type="button" className="link nodrag" tabIndex={selected ? 0 : -1} onClick={pick}>
          Choose an image…
        </button>
        <span>or drop one here with Shift held</span>
      </Placeholder>
    );
  }
  if (!uri) {
    return (
      <Placeholder icon={known ? 'warning' : 'loading'}>
        {known && <span>not found: {baseName(path)}</span>}
        {known && (
          <button type="button" className="link nodrag" tabIndex={selected ? 0 : -1} onClick={pick}>
            Choose another…
          </button>
        )}
      </Placeholder>
    );
  }
  return (
    <Opener id={id} label={`View ${baseName(path)}`} selected={selected}>
      <img src={uri} alt={baseName(path)} draggable={false} decoding="async" />
    </Opener>
  );
}

/** Whether the host has looked for the file of a node: without an address it is missing then. */
export function wasLookedFor({ resolved, problemsByNode }: StudioState, id: string, path: string): boolean {
  return path in resolved || problemsByNode[id]?.some(({ param }) => param === 'path') === true;
}

type RunKind = 'inversion' | 'mask' | 'result' | 'saved';

const WAITING: Record<RunKind, { icon: string; text: string }> = {
  inversion: { icon: 'sparkle', text: 'run to see the noise' },
  mask: { icon: 'symbol-color', text: 'run to see the mask' },
  result: { icon: 'play-circle', text: 'run to see the image' },
  saved: { icon: 'save', text: 'run to save the image' },
};

function RunPicture({ id, kind, selected }: { id: string; kind: RunKind; selected: boolean }) {
  const content = usePictureOf(id);
  if (!content) {
    return (
      <Placeholder icon={WAITING[kind].icon}>
        <span>{WAITING[kind].text}</span>
      </Placeholder>
    );
  }
  return (
    <Opener
      id={id}
      label={`View the image of ${readable(id)}`}
      selected={selected}
      inspect={kind === 'result' || kind === 'mask' ? kind : undefined}
      whole
    >
      {content}
    </Opener>
  );
}

function ComparePicture({ data }: { data: NodeData }) {
  const [a, b] = data.spec?.inputs.map((input) => data.sources[input.name]) ?? [];
  const first = usePictureOf(nodeOf(a));
  const second = usePictureOf(nodeOf(b));
  if (!a || !b) {
    return (
      <Placeholder icon="split-horizontal">
        <span>connect two images to compare</span>
      </Placeholder>
    );
  }
  if (!first || !second) {
    return (
      <Placeholder icon="split-horizontal">
        <span>run to compare</span>
      </Placeholder>
    );
  }
  const names: [string, string] = [readable(nodeOf(a) ?? ''), readable(nodeOf(b) ?? '')];
  return <CompareSlider first={first} second={second} label={`Compare ${names[0]} with ${names[1]}`} names={names} />;
}

function nodeOf(source: string | undefined): string | undefined {
  return source?.slice(0, source.lastIndexOf('.'));
}

/** What a node has to show: the address of an image, or a step of its run. */
export interface Shown {
  url?: string;
  step?: StepPicture;
  label: string;
}

/** The step that is scrubbed to; while a node runs, its newest step, then its picture; for a file the file. */
export function useShown(id: string | undefined): Shown | undefined {
  const source = useStudio((state) => (id === undefined ? undefined : resultNode(state.graph, id)));
  const running = useStudio((state) => source !== undefined && state.run?.nodes[source]?.state === 'running');
  const picture = useStudio((state) => (source === undefined ? undefined : state.nodePictures[source]));
  const step = useStudio((state) => (source === undefined ? undefined : newest(resultTimeline(state, source))));
  const file = useStudio((state) => {
    const node = source === undefined ? undefined : state.graph?.nodes[source];
    const path = node?.params?.['path'];
    return typeof path === 'string' ? state.resolved[path] : undefined;
  });
  const scrubbed = useStudio((state) => (source === undefined ? undefined : scrubbedStep(state, source)));
  const label = `Image of ${readable(source ?? '')}`;
  if (scrubbed) return { step: scrubbed, label: `${label}, step ${scrubbed.index + 1}` };
  if (running && step) return { step, label };
  if (picture) return { url: picture.url, label: picture.caption ?? label };
  if (step) return { step, label };
  return file === undefined ? undefined : { url: file, label };
}

export function usePictureOf(id: string | undefined): ReactNode {
  const shown = useShown(id);
  if (shown?.step) return <StepImage step={shown.step} label={shown.label} />;
  return shown && <img src={shown.url} alt={shown.label} draggable={false} decoding="async" />;
}

function Opener(props: {
  id: string;
  label: string;
  selected: boolean;
  inspect?: 'result' | 'mask';
  /** Show all of it, whatever its shape. */
  whole?: boolean;
  children: ReactNode;
}) {
  return (
    <div className={props.whole ? 'picture whole' : 'picture'} onDoubleClick={() => openStage(props.id)}>
      {props.children}
      {props.inspect === 'mask' && (
        <button
          type="button"
          className="picture-open picture-inspect nodrag"
          tabIndex={props.selected ? 0 : -1}
          aria-label={`Correct ${readable(props.id)}`}
          title="Correct the mask"
          data-testid={`mask-${props.id}`}
          onClick={() => setPage({ masking: props.id })}
        >
          <span className="codicon codicon-paintcan" aria-hidden="true" />
        </button>
      )}
      {props.inspect === 'result' && (
        <button
          type="button"
          className="picture-open picture-inspect nodrag"
          tabIndex={props.selected ? 0 : -1}
          aria-label={`Inspect the attention of ${readable(props.id)}`}
          title="Inspect the attention (I)"
          data-testid={`inspect-${props.id}`}
          onClick={() => openInspection(props.id)}
        >
          <span className="codicon codicon-eye-watch" aria-hidden="true" />
        </button>
      )}
      <button
        type="button"
        className="picture-open nodrag"
        tabIndex={props.selected ? 0 : -1}
        aria-label={props.label}
        title={props.label}
        data-testid={`open-picture-${props.id}`}
        onClick={() => openStage(props.id)}
      >
        <span className="codicon codicon-zoom-in" aria-hidden="true" />
      </button>
    </div>
  );
}

function Placeholder({ icon, children }: { icon: string; children: ReactNode }) {
  return (
    <div className="picture placeholder">
      <span className={`codicon codicon-${icon}`} aria-hidden="true" />
      {children}
    </div>
  );
}
