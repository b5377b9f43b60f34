import { type CSSProperties } from 'react';
import { type PortType } from '../../extension/graph';
import { typeColour, typeShape } from './tint';

/** A port's sign, in lists and in the legend. */
export function TypeMark({ type }: { type: PortType | undefined }) {
  const style = { '--port': typeColour(type), '--shape': typeShape(type) } as CSSProperties;
  return <span className="type-mark" style={style} aria-hidden="true" />;
}
