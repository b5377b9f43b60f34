import { memo, useState } from 'react';
import { type NodeProps, NodeResizer, NodeToolbar, Position } from '@xyflow/react';
import { setFrameText } from '../model/actions/frames';
import { toggleFold } from '../model/actions/nodes';
import { FRAME_PREFIX, type FrameFlowNode } from '../model/flow';
import { useStudio } from '../model/store';
import { FoldView } from './FoldView';
import { commitFrameSize } from './frameSize';

/** A comment around nodes: dragged by its title, it takes along what is inside. */
export const FrameView = memo(function FrameView({ id, data, selected }: NodeProps<FrameFlowNode>) {
  const far = useStudio((state) => state.levelOfDetail === 'far');
  const readOnly = useStudio((state) => state.readOnly);
  const renaming = useStudio((state) => state.renaming === id);
  if (data.fold) {
    return (
      <FoldView id={id} data={data} fold={data.fold} selected={selected} far={far}>
        {renaming && <TitleField id={id} text={data.text} />}
      </FoldView>
    );
  }
  const foldLabel = data.folded ? `Keep ${data.text} unfolded (E)` : `Fold ${data.text} into one box (E)`;
  return (
    <div
      className={`frame ${data.folded ? 'open' : ''} ${selected ? 'selected' : ''} ${far ? 'far' : ''}`}
      data-testid={`frame-${id.slice(FRAME_PREFIX.length)}`}
      data-colour={data.colour}
    >
      {selected && !readOnly && (
        <NodeResizer minWidth={120} minHeight={80} onResizeEnd={(_event, size) => commitFrameSize(id, size)} />
      )}
      <div className="frame-title" onDoubleClick={() => !readOnly && useStudio.setState({ renaming: id })}>
        <button
          type="button"
          className="fold nodrag codicon codicon-chevron-down"
          tabIndex={selected ? 0 : -1}
          aria-expanded
          aria-label={foldLabel}
          title={foldLabel}
          data-testid={`fold-frame-${id.slice(FRAME_PREFIX.length)}`}
          onClick={() => toggleFold({ nodes: [], frames: [id.slice(FRAME_PREFIX.length)] })}
        />
        <span className="frame-name" title={data.text}>
          {data.text}
        </span>
        {renaming && <TitleField id={id} text={data.text} />}
      </div>
    </div>
  );
});

function TitleField({ id, text }: { id: string; text: string }) {
  const [value, setValue] = useState(text);
  const stop = () => useStudio.setState({ renaming: undefined });
  return (
    <NodeToolbar isVisible position={Position.Top} align="start" offset={4}>
      <input
        className="field nodrag nopan"
        aria-label="Text of the frame"
        data-testid="frame-text"
        value={value}
        autoFocus
        onFocus={(event) => event.target.select()}
        onChange={(event) => setValue(event.target.value)}
        onBlur={() => {
          stop();
          setFrameText(id.slice(FRAME_PREFIX.length), value);
        }}
        onKeyDown={(event) => {
          event.stopPropagation();
          if (event.key === 'Enter') event.currentTarget.blur();
          if (event.key === 'Escape') stop();
        }}
      />
    </NodeToolbar>
  );
}
