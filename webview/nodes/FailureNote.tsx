import { useStudio } from '../state/store';
import { postToHost } from '../state/host';
import { type NodeData } from '../state/flow';

/** What a failed node says, and the thing to do about it. It hangs below the node, so that the node keeps its size. */
export function FailureNote({ id, data }: { id: string; data: NodeData }) {
  const message = useStudio((state) => state.run?.nodes[id]?.message);
  const fix = fixOf(data);
  return (
    <div className="failure nodrag" role="note" data-testid={`failure-${id}`}>
      <p>{message ?? 'This node failed.'}</p>
      <button type="button" className="link" onClick={() => postToHost({ type: 'fix', action: fix.action, node: id })}>
        {fix.label}
      </button>
    </div>
  );
}

function fixOf(data: NodeData): { action: 'pickFile' | 'addCheckpoint' | 'showOutput'; label: string } {
  const kinds = data.spec?.params ?? [];
  if (kinds.some((param) => param.kind === 'path' && param.access === 'read')) {
    return { action: 'pickFile', label: 'Choose another picture…' };
  }
  if (kinds.some((param) => param.kind === 'checkpoint'))
    return { action: 'addCheckpoint', label: 'Add a checkpoint…' };
  return { action: 'showOutput', label: 'Show the log' };
}
