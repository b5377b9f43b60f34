import { memo, type CSSProperties } from 'react';
import { BaseEdge, type EdgeProps } from '@xyflow/react';
import { typeColour } from '../ui/tint';
import { type StudioEdge } from '../model/flow';
import { useStudio } from '../model/store';
import { wirePath } from '../model/wirePath';
import { wireId } from '../model/wires';

/** A wire in the colour of what it carries. */
export const WireView = memo(function WireView(props: EdgeProps<StudioEdge>) {
  const far = useStudio((state) => state.levelOfDetail === 'far');
  const lit = useStudio(({ wireUnder }) => wireUnder !== undefined && wireId(wireUnder.wire) === props.id);
  const { id, target, targetHandleId, sourceX, sourceY, targetX, targetY } = props;
  const path = useStudio(({ nodes }) =>
    wirePath(
      nodes,
      id,
      { node: target, port: targetHandleId },
      { source: { x: sourceX, y: sourceY }, target: { x: targetX, y: targetY } },
    ),
  );
  return (
    <BaseEdge
      path={path}
      className={`wire${props.data?.muted ? ' muted' : ''}${lit ? ' lit' : ''}`}
      style={{ '--wire': typeColour(props.data?.portType) } as CSSProperties}
      // Far away nothing is thin enough to miss, and a second, wide path for each wire costs as much as the first.
      interactionWidth={far ? 0 : 18}
    />
  );
});
