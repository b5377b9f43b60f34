import { type CSSProperties, type ReactNode } from 'react';
import { Handle, Position } from '@xyflow/react';
import { type NodeState } from '../../extension/protocol/engine';
import { toggleFold } from '../model/actions/nodes';
import { revealNode } from '../model/actions/selection';
import { FACE } from '../model/face';
import { FRAME_PREFIX, type FrameData } from '../model/flow';
import { type Fold, type FoldPort } from '../model/folds';
import { type StudioState, useStudio } from '../model/store';
import { plural, readable } from '../model/words';
import { NodeBadge } from '../nodes/NodeBadge';
import { statusWords } from '../nodes/NodeStatusLine';
import { FarPorts } from '../nodes/Ports';
import { Link } from '../ui/Icon';
import { typeColour, typeShape } from '../ui/tint';

/** A folded frame: one box for the nodes inside, with the wires that cross its border. A double click opens it. */
export function FoldView(props: {
  id: string;
  data: FrameData;
  fold: Fold;
  selected: boolean;
  far: boolean;
  children: ReactNode;
}) {
  const { data, fold, selected, far, children } = props;
  const id = props.id.slice(FRAME_PREFIX.length);
  const node = useStudio((state) => telling(state, fold.nodes));
  const status = useStudio((state) => (node === undefined ? undefined : state.run?.nodes[node]));
  const unfold = () => toggleFold({ nodes: [], frames: [id] });
  const classes = ['node', 'fold-box', `is-${status?.state ?? 'idle'}`, selected ? 'selected' : '', far ? 'far' : ''];
  const running = status?.state === 'running';
  const state = running ? `${readable(node ?? '')}: ${statusWords(status)}` : statusWords(status);
  const box = {
    className: classes.join(' '),
    'data-colour': data.colour,
    'data-testid': `frame-${id}`,
    onDoubleClick: unfold,
  };
  if (far) {
    return (
      <div {...box}>
        <div className="far-name">{data.text}</div>
        <FarPorts places={fold.ports} width={fold.width} />
        {children}
      </div>
    );
  }
  return (
    <div {...box}>
      <header className="node-header" style={{ height: FACE.header }}>
        <span className="status-dot" aria-hidden="true" />
        <span className="node-name" title={data.text}>
          {data.text}
        </span>
        {children}
        <NodeBadge id={`frame-${id}`} nodes={fold.nodes} />
        <button
          type="button"
          className="fold nodrag codicon codicon-chevron-right"
          tabIndex={selected ? 0 : -1}
          aria-expanded={false}
          aria-label={`Unfold ${data.text}`}
          title={`Unfold ${data.text} (E)`}
          data-testid={`fold-frame-${id}`}
          onClick={unfold}
        />
        <span
          className="node-subtitle"
          title={fold.nodes.map(readable).join(', ')}
          data-state={status?.state ?? 'idle'}
        >
          {!running && <span className="node-type">{plural(fold.nodes.length, 'node')}</span>}
          {state && <span className="node-state">{state}</span>}
        </span>
      </header>
      {fold.ports.map((port) => (
        <Port key={port.side + port.name} place={port} />
      ))}
      {status?.state === 'failed' && node !== undefined && (
        <div className="failure nodrag" role="note" data-testid={`failure-frame-${id}`}>
          <p>
            {readable(node)}: {status.message ?? 'This node failed.'}
          </p>
          <Link onClick={() => revealNode(node)}>Show the node</Link>
        </div>
      )}
    </div>
  );
}

/** What is said first of several nodes. */
const URGENT: readonly NodeState[] = ['failed', 'running', 'waiting', 'done', 'cached'];

/** The node whose state is that of the box. */
function telling({ run }: StudioState, nodes: readonly string[]): string | undefined {
  for (const state of URGENT) {
    const found = nodes.find((id) => run?.nodes[id]?.state === state);
    if (found !== undefined) return found;
  }
  return undefined;
}

function Port({ place }: { place: FoldPort }) {
  const { name, side, y, node, port, type, label } = place;
  const fits = useStudio((state) => state.fittingPorts?.get(`${node}.${side}.${port}`));
  const light = fits === undefined ? '' : fits ? 'fits' : 'no-fit';
  return (
    <>
      <Handle
        id={name}
        type={side === 'left' ? 'target' : 'source'}
        position={side === 'left' ? Position.Left : Position.Right}
        className={`port wired ${light}`}
        style={{ top: y, '--port': typeColour(type), '--shape': typeShape(type) } as CSSProperties}
        title={label}
        data-testid={`port-${node}-${port}`}
      />
      <span className={`port-label ${side}`} style={{ top: y }} aria-hidden="true">
        {label}
      </span>
    </>
  );
}
