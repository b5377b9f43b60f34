import { useState } from 'react';
import { NodeToolbar, Position } from '@xyflow/react';
import { renameNode } from '../model/actions/nodes';
import { canvasControl } from '../model/control';
import { useStudio } from '../model/store';
import { toId } from '../model/words';

/** The name as a field above the node, equally large at every zoom. Enter takes it, Escape leaves it; what is typed becomes an id of the file. */
export function RenameField({ id }: { id: string }) {
  const [name, setName] = useState(id);
  const stop = () => useStudio.setState({ renaming: undefined });
  const take = () => {
    stop();
    renameNode(id, toId(name));
  };
  return (
    <NodeToolbar isVisible position={Position.Top} align="start" offset={4}>
      <input
        className="node-rename field nodrag nopan"
        aria-label={`New name of ${id}`}
        data-testid="rename"
        value={name}
        autoFocus
        spellCheck={false}
        onFocus={(event) => event.target.select()}
        onChange={(event) => setName(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === 'Enter' || event.key === 'Escape') canvasControl().focusNode(id);
          if (event.key === 'Enter') event.currentTarget.blur();
          if (event.key === 'Escape') stop();
        }}
      />
    </NodeToolbar>
  );
}
