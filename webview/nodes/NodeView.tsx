import { memo, type CSSProperties } from 'react';
import { type NodeProps } from '@xyflow/react';
import { toggleFold } from '../model/actions/nodes';
import { type GraphFlowNode } from '../model/flow';
import { useStudio } from '../model/store';
import { readable } from '../model/words';
import { FACE } from '../model/face';
import { NodeBadge } from './NodeBadge';
import { NodeStatusLine, useNodeState } from './NodeStatusLine';
import { FarPorts, Ports } from './Ports';
import { RenameField } from './RenameField';
import { Rows } from './Rows';
import { RunNote } from './RunNote';
import { tintOf } from '../ui/tint';

/** A node on the canvas: its name and state, its ports, and what its catalogue entry puts on its face. */
export const NodeView = memo(function NodeView({ id, data, selected }: NodeProps<GraphFlowNode>) {
  const far = useStudio((state) => state.levelOfDetail === 'far');
  const renaming = useStudio((state) => state.renaming === id);
  const state = useNodeState(id);
  const { spec, node } = data;
  const style = { '--tint': tintOf(spec) } as CSSProperties;
  const { muted = false, folded = false } = node;
  const flags = Object.entries({ selected, muted, folded, far }).flatMap(([name, on]) => (on ? [name] : []));
  const classes = ['node', `is-${state}`, ...flags];
  if (far) {
    return (
      <div className={classes.join(' ')} style={style}>
        <div className="far-name">{readable(id)}</div>
        <FarPorts places={data.face.ports} width={data.face.width} />
        {renaming && <RenameField id={id} />}
      </div>
    );
  }
  return (
    <div className={classes.join(' ')} style={style} data-testid={`node-${id}`}>
      <header className="node-header" style={{ height: FACE.header }}>
        <span className="status-dot" aria-hidden="true" />
        <span className="node-name" title={id}>
          {readable(id)}
        </span>
        {renaming && <RenameField id={id} />}
        <NodeBadge id={id} />
        <Fold id={id} folded={folded} reachable={selected} />
        <NodeStatusLine id={id} title={spec?.title ?? node.type} known={spec !== undefined} muted={muted} />
      </header>
      <Ports id={id} data={data} />
      <Rows id={id} data={data} selected={selected} />
      <RunNote id={id} data={data} />
    </div>
  );
});

/** Folds the node to its title, or unfolds it. */
function Fold({ id, folded, reachable }: { id: string; folded: boolean; reachable: boolean }) {
  const label = `${folded ? 'Unfold' : 'Fold'} ${readable(id)}`;
  return (
    <button
      type="button"
      className={`fold nodrag codicon codicon-chevron-${folded ? 'right' : 'down'}`}
      tabIndex={reachable ? 0 : -1}
      aria-expanded={!folded}
      aria-label={label}
      title={`${label} (E)`}
      data-testid={`fold-${id}`}
      onClick={() => toggleFold({ nodes: [id], frames: [] })}
    />
  );
}
