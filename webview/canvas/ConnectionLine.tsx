import { type CSSProperties } from 'react';
import { type ConnectionLineComponentProps, getBezierPath, useConnection, useStore } from '@xyflow/react';
import { typeColour } from '../ui/tint';
import { type StudioNode } from '../model/flow';
import { useStudio } from '../model/store';
import { portOf, whyNot } from './connecting';

/** The wire in the hand. */
export function ConnectionLine(props: ConnectionLineComponentProps<StudioNode>) {
  const type = useStudio((state) => state.draggedType);
  const [path] = getBezierPath({
    sourceX: props.fromX,
    sourceY: props.fromY,
    sourcePosition: props.fromPosition,
    targetX: props.toX,
    targetY: props.toY,
    targetPosition: props.toPosition,
  });
  return (
    <path
      d={path}
      className={props.connectionStatus === 'invalid' ? 'connection-path refused' : 'connection-path'}
      style={{ '--wire': typeColour(type) } as CSSProperties}
    />
  );
}

/** Says at the pointer why the port under it refuses the wire, while it hangs there. */
export function RefusalNote() {
  const hover = useConnection((connection) => {
    if (!connection.inProgress || !connection.toHandle || connection.isValid) return undefined;
    const { fromHandle, toHandle, to } = connection;
    return { at: to, from: portOf(fromHandle), to: portOf(toHandle) };
  });
  if (!hover) return null;
  const reason = whyNot(hover.from, hover.to);
  return reason === undefined ? null : <AtPlace at={hover.at} text={reason} />;
}

/** Follows the canvas only while it is shown. */
function AtPlace({ at, text }: { at: { x: number; y: number }; text: string }) {
  const [x, y, zoom] = useStore((state) => state.transform);
  return (
    <div
      className="refusal"
      role="status"
      data-testid="refusal"
      style={{ left: at.x * zoom + x + 16, top: at.y * zoom + y + 16 }}
    >
      {text}
    </div>
  );
}
