import { memo, type CSSProperties } from 'react';
import { BaseEdge, type EdgeProps } from '@xyflow/react';
import { useShallow } from 'zustand/react/shallow';
import { typeColour } from '../ui/tint';
import { type StudioEdge } from '../model/flow';
import { type Point } from '../model/geometry';
import { useStudio } from '../model/store';
import { shiftOf, wirePath } from '../model/wirePath';
import { type Wire, wireId } from '../model/wires';
import { WirePoints } from './WirePoints';

/** A wire in the colour of what it carries. */
export const WireView = memo(function WireView(props: EdgeProps<StudioEdge>) {
  const far = useStudio((state) => state.levelOfDetail === 'far');
  const lit = useStudio(({ wireUnder }) => wireUnder !== undefined && wireId(wireUnder.wire) === props.id);
  const { id, target, targetHandleId, sourceX, sourceY, targetX, targetY } = props;
  const wire = props.data?.wire;
  // A wire to the box of a folded frame goes there the short way.
  const led = wire !== undefined && wire.source === props.source && wire.target === target ? wire : undefined;
  const points = usePoints(id, led);
  const ends = { source: { x: sourceX, y: sourceY }, target: { x: targetX, y: targetY } };
  const path = useStudio(({ nodes }) => wirePath(nodes, { id, target, port: targetHandleId, ends, points }));
  const style = { '--wire': typeColour(props.data?.portType) } as CSSProperties;
  return (
    <>
      <BaseEdge
        path={path}
        className={`wire${props.data?.muted ? ' muted' : ''}${lit ? ' lit' : ''}`}
        style={style}
        // Far away nothing is thin enough to miss, and a second, wide path for each wire costs as much as the first.
        interactionWidth={far ? 0 : 18}
      />
      {led && points.length > 0 && !far && !led.nth && (
        <WirePoints wire={led} points={points} selected={props.selected === true} style={style} />
      )}
    </>
  );
});

const NONE: readonly Point[] = [];

/** The points of a wire as they are drawn: one may be in the hand, or all go along with both ends. */
function usePoints(id: string, wire: Wire | undefined): readonly Point[] {
  const points = wire?.points ?? NONE;
  const held = useStudio(({ pointHeld }) => (pointHeld?.wire === id ? pointHeld : undefined));
  const [dx, dy] = useStudio(
    useShallow(({ nodes, graph }) => (wire && points.length > 0 ? shiftOf(wire, nodes, graph?.layout) : STILL)),
  );
  if (points.length === 0) return NONE;
  return points.map((point, index) => (held?.index === index ? held.at : { x: point.x + dx, y: point.y + dy }));
}

const STILL = [0, 0] as const;
