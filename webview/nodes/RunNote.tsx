import { useStudio } from '../model/store';
import { postToHost } from '../model/host';
import { type NodeData } from '../model/flow';
import { Link } from '../ui/Icon';

/** What a failed node says and the thing to do about it, or what a node that is done warns of. It hangs below the node, so that
 * the node keeps its size. */
export function RunNote({ id, data }: { id: string; data: NodeData }) {
  const status = useStudio((state) => state.run?.nodes[id]);
  if (!status || (status.state !== 'failed' && !status.message)) return null;
  if (status.state !== 'failed') {
    if (status.state !== 'done' && status.state !== 'cached') return null;
    return (
      <div className="failure warning nodrag" role="note" data-testid={`warning-${id}`}>
        <p>{status.message}</p>
      </div>
    );
  }
  const fix = fixOf(data);
  return (
    <div className="failure nodrag" role="note" data-testid={`failure-${id}`}>
      <p>{status.message ?? 'This node failed.'}</p>
      <Link onClick={() => postToHost({ type: 'fix', action: fix.action, node: id })}>{fix.label}</Link>
    </div>
  );
}

function fixOf(data: NodeData): { action: 'pickFile' | 'addCheckpoint' | 'showOutput'; label: string } {
  const kinds = data.spec?.params ?? [];
  if (kinds.some((param) => param.kind === 'path' && param.access === 'read' && param.required)) {
    return { action: 'pickFile', label: 'Choose another image…' };
  }
  if (kinds.some((param) => param.kind === 'checkpoint'))
    return { action: 'addCheckpoint', label: 'Add a checkpoint…' };
  return { action: 'showOutput', label: 'Show output' };
}
