import { useState } from 'react';
import { maskCell } from '../../extension/protocol/mask';
import { longerSide } from '../../extension/protocol/size';
import { resetParam } from '../model/actions/params';
import { setPage } from '../model/page';
import { run } from '../model/running';
import { type Segmentation } from '../model/segmentations';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { Button, Link, Tool } from '../ui/Icon';
import { Segmented, type SegmentedOption } from '../ui/Segmented';
import { type Layer } from './CellLayer';
import { type Brush, Pane, type ToolName } from './Pane';
import { type Correction, useCorrection } from './useCorrection';
import { isSuspicious, sentence, shareOf } from './words';

const TOOLS: readonly SegmentedOption<ToolName>[] = [
  { value: 'cluster', icon: 'wand', label: 'Flip cluster', title: 'Click to add or remove a whole cluster (C)' },
  { value: 'paint', icon: 'edit', label: 'Paint', title: 'Paint to add to the mask (P)' },
  { value: 'erase', icon: 'eraser', label: 'Erase', title: 'Erase to remove from the mask (E)' },
];
const LAYERS: readonly SegmentedOption<Layer>[] = [
  { value: 'mask', label: 'Mask' },
  { value: 'clusters', label: 'Clusters' },
  { value: 'noun', label: 'Noun' },
];

export const close = () => setPage({ masking: undefined });

/** The mask as it was found, with tools to correct it. */
export function Editor({ node, found }: { node: string; found: Segmentation }) {
  const readOnly = useStudio((state) => state.readOnly);
  const longest = longerSide(found.grid);
  const [layer, setLayer] = useState<Layer>('mask');
  const [brush, setBrush] = useState<Brush>({ tool: 'cluster', size: Math.max(1, Math.round(longest / 12)) });
  const correction = useCorrection(node, found);
  const { now, commit, go } = correction;
  return (
    <>
      <div className="inspect-head" role="toolbar" aria-label="Mask">
        <h2>Mask</h2>
        <span className="where">
          {readable(node)} · “{found.noun}”
        </span>
        <Segmented name="Layer" testId="mask" options={LAYERS} value={layer} onChange={setLayer} />
        <Segmented
          name="Tool"
          testId="mask"
          options={TOOLS}
          value={brush.tool}
          onChange={(tool) => setBrush({ ...brush, tool })}
        />
        <label className="mask-size">
          <span>Brush size</span>
          <input
            type="range"
            min={1}
            max={Math.max(2, Math.round(longest / 2))}
            value={brush.size}
            disabled={brush.tool === 'cluster'}
            data-testid="mask-size"
            aria-valuetext={`${brush.size} cells`}
            onChange={(event) => setBrush({ ...brush, size: Number(event.target.value) })}
          />
        </label>
        <Tool
          icon="discard"
          label="Undo"
          keys="Ctrl+Z"
          disabled={!correction.canUndo}
          data-testid="mask-undo"
          onClick={() => go(-1)}
        />
        <Tool icon="redo" label="Redo" keys="Ctrl+Y" disabled={!correction.canRedo} onClick={() => go(1)} />
        <Tool
          icon="clear-all"
          label="Clear all corrections"
          disabled={now.every((value) => value === maskCell.kept)}
          data-testid="mask-clear"
          onClick={() => commit(new Uint8Array(now.length))}
        />
        <Button
          disabled={!correction.changed || readOnly}
          data-testid="mask-save"
          onClick={() => void correction.save()}
        >
          Save correction
        </Button>
        <Tool icon="close" label="Back to the graph" keys="Escape" data-testid="mask-close" onClick={close} />
      </div>
      <Pane found={found} layer={layer} brush={brush} onBrush={setBrush} correction={correction} />
      <Sentence node={node} found={found} correction={correction} />
    </>
  );
}

function Sentence(props: { node: string; found: Segmentation; correction: Correction }) {
  const { node, found, correction } = props;
  const readOnly = useStudio((state) => state.readOnly);
  const canRun = useStudio((state) => state.canRun);
  const written = useStudio((state) => state.graph?.nodes[node]?.params?.['override']);
  const share = shareOf(correction.mask);
  return (
    <p
      className={isSuspicious(share) ? 'inspect-sentence off' : 'inspect-sentence'}
      id="mask-sentence"
      aria-live="polite"
      data-testid="mask-sentence"
    >
      {sentence(found, correction.shown, share)}
      {correction.changed && ' Not saved yet.'}
      {!correction.changed && written !== undefined && (
        <>
          {' '}
          Saved in {String(written)}.{' '}
          <Link disabled={!canRun} data-testid="mask-run" onClick={() => run()}>
            Run with the correction
          </Link>{' '}
          <Link disabled={readOnly} data-testid="mask-remove" onClick={() => resetParam(node, 'override')}>
            Use the mask as found
          </Link>
        </>
      )}
    </p>
  );
}
