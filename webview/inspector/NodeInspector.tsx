import { useId } from 'react';
import { type MeasureSpec, type ParamSpec } from '../../extension/graph';
import { formatSeconds } from '../../extension/protocol/numbers';
import { type Fact, Facts } from '../ui/Facts';
import { Help } from '../ui/Help';
import { Button, Tool } from '../ui/Icon';
import { deleteSelection, startRename, toggleMute } from '../model/actions/nodes';
import { type NodeData } from '../model/flow';
import { run } from '../model/running';
import { setPage } from '../model/page';
import { studio, useStudio } from '../model/store';
import { openInspection, openParts } from '../model/inspection';
import { pictureKind } from '../model/face';
import { canVary, startVariation } from '../model/vary';
import { usePictureOf } from '../nodes/NodePicture';
import { statusWords } from '../nodes/NodeStatusLine';
import { MeasureValue } from '../nodes/Rows';
import { readable } from '../model/words';
import { ParamField } from './ParamField';
import { Problems } from './Problems';
import { SIMPLE_PARAMS, SwapSimple } from './SwapSimple';
import { WireList } from './WireList';

const MUTE_HELP = {
  'pass-through': 'When muted, it passes its input on unchanged.',
  reconstruct: "When muted, the structure's reconstruction replaces it.",
  'no-mask': 'When muted, it counts as no mask.',
  skip: 'When muted, it does not run.',
  never: '',
};

/** A node: what it is, its parameters, its wires, what is wrong with it. */
export function NodeInspector({ id, data }: { id: string; data: NodeData }) {
  const readOnly = useStudio((state) => state.readOnly);
  const canRun = useStudio((state) => state.canRun);
  const status = useStudio((state) => state.run?.nodes[id]);
  const seconds = useStudio((state) => state.run?.seconds);
  const varies = useStudio((state) => state.graph !== undefined && canVary(state.graph, id));
  const helpId = useId();
  const { spec, node } = data;
  const words = statusWords(status);
  const known = new Set(spec?.params.map((param) => param.name));
  const others = Object.entries(node.params ?? {}).filter(([name]) => !known.has(name));
  const kind = spec && pictureKind(spec);
  const canMute = spec !== undefined && spec.mute !== 'never';
  const isSwap = node.type === 'attention-swap';
  const exact = (spec?.params ?? []).filter(({ name }) => isSwap && SIMPLE_PARAMS.includes(name));
  const params = (spec?.params ?? []).filter((param) => !exact.includes(param));
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">{readable(id)}</h2>
        <Tool
          icon="run-above"
          label={`Run to ${readable(id)}`}
          disabled={!canRun}
          onClick={() => run(id)}
          data-testid="run-to"
        />
        {kind === 'mask' && (
          <Tool
            icon="paintcan"
            label="Correct the mask"
            data-testid="mask-open"
            onClick={() => setPage({ masking: id })}
          />
        )}
        {(kind === 'result' || kind === 'compare') && (
          <Tool
            icon="eye-watch"
            label="Inspect the attention"
            keys="I"
            data-testid="inspect-open"
            onClick={() => openInspection(id)}
          />
        )}
        <Tool icon="edit" label="Rename" keys="F2" disabled={readOnly} onClick={() => startRename(id)} />
        {canMute && (
          <Tool
            icon={node.muted ? 'eye-closed' : 'eye'}
            label={node.muted ? 'Unmute' : 'Mute'}
            keys="M"
            aria-pressed={node.muted === true}
            disabled={readOnly}
            onClick={() => toggleMute([id])}
          />
        )}
        <Tool icon="trash" label="Delete" keys="Delete" disabled={readOnly} onClick={deleteSelection} />
      </div>
      <div className="subtitle">
        {spec ? (
          <>
            {spec.title}
            <Help id={helpId} about={spec.title}>
              {spec.help}
            </Help>
          </>
        ) : (
          `This version of Weft does not know the type “${node.type}”. The file keeps it unchanged.`
        )}
        {node.muted && spec && <p>{MUTE_HELP[spec.mute]}</p>}
      </div>
      <Problems node={id} onlyGeneral />
      {words && (
        <p className="subtitle" data-testid="inspector-status">
          {status?.state === 'failed'
            ? `Failed: ${status.message ?? ''}`
            : `${status?.state === 'running' || status?.state === 'waiting' ? 'Now' : 'Last run'}: ${words}`}
          {status?.state === 'done' && status.message ? ` · ${status.message}` : ''}
          {seconds !== undefined && status?.state === 'done' ? ` · whole run ${formatSeconds(seconds)}` : ''}
        </p>
      )}
      {kind !== undefined && kind !== 'file' && kind !== 'compare' && <Picture id={id} />}
      {varies && (
        <div className="result-actions">
          <Button
            secondary
            icon="multiple-windows"
            disabled={!canRun}
            title="Run the next four seeds and show the results side by side"
            data-testid="vary"
            onClick={() => startVariation(id)}
          >
            Vary ×4
          </Button>
        </div>
      )}
      {isSwap && (
        <div className="result-actions">
          <Button
            secondary
            icon="extensions"
            title="Show which part of the appearance each part of the structure takes its look from, and correct it (P)"
            data-testid="parts-open"
            onClick={() => openParts(id)}
          >
            Match parts…
          </Button>
        </div>
      )}
      {spec?.measures && <Measures id={id} measures={spec.measures} />}
      {isSwap && <SwapSimple id={id} data={data} />}
      {params.map((param) => (
        <ParamField key={param.name} id={id} data={data} param={param} />
      ))}
      {exact.length > 0 && <Advanced id={id} data={data} params={exact} />}
      {others.length > 0 && (
        <>
          <h3>Unknown parameters, kept unchanged</h3>
          <Facts rows={others.map(([name, value]) => [name, JSON.stringify(value)])} />
        </>
      )}
      <WireList id={id} data={data} />
    </>
  );
}

/** The exact values behind simpler controls: folded away until somebody wants them, or one of them is wrong. */
function Advanced({ id, data, params }: { id: string; data: NodeData; params: readonly ParamSpec[] }) {
  const open = useStudio((state) => state.page.advancedOpen);
  const wrong = useStudio((state) =>
    state.problemsByNode[id]?.some((problem) => params.some(({ name }) => name === problem.param)),
  );
  return (
    <details
      className="advanced"
      open={open || wrong}
      data-testid="advanced"
      onToggle={(event) => {
        const now = event.currentTarget.open;
        if (!wrong && now !== studio().page.advancedOpen) setPage({ advancedOpen: now });
      }}
    >
      <summary>Advanced</summary>
      {params.map((param) => (
        <ParamField key={param.name} id={id} data={data} param={param} />
      ))}
    </details>
  );
}

/** Every number that the node has found out, with what it means. */
function Measures({ id, measures }: { id: string; measures: readonly MeasureSpec[] }) {
  const values = useStudio((state) => state.metrics[id]);
  const shown = measures.filter(({ name, optional }) => !optional || values?.[name] !== undefined);
  const rows = shown.map((measure): Fact => {
    const { name, label, help } = measure;
    return [label, <MeasureValue measure={measure} value={values?.[name]} />, help];
  });
  return <Facts rows={rows} className="facts measures" data-testid="measures" />;
}

/** What the node has made so far, larger than its face has room for. */
function Picture({ id }: { id: string }) {
  const picture = usePictureOf(id);
  return picture ? <div className="inspector-picture">{picture}</div> : null;
}
