import { memo, type CSSProperties } from 'react';
import { Handle, Position } from '@xyflow/react';
import { type InputSpec, type OutputSpec } from '../../extension/graph';
import { type NodeData } from '../state/flow';
import { useStudio } from '../state/store';
import { FACE, type PortPlace } from './face';
import { typeColour } from './tint';

/** The ports of a node, inputs at its left edge and outputs at its right, each in the colour of what it carries. */
export const Ports = memo(function Ports({ id, data, far = false }: { id: string; data: NodeData; far?: boolean }) {
  return (
    <>
      {data.face.ports.map((port) => (
        <Port key={port.side + port.name} node={id} data={data} place={port} far={far} />
      ))}
      {!far && <div style={{ height: portsHeight(data) }} />}
    </>
  );
});

function portsHeight(data: NodeData): number {
  const left = data.face.ports.filter((port) => port.side === 'left').length;
  const count = Math.max(left, data.face.ports.length - left);
  return count > 0 ? count * FACE.portRow + 2 * FACE.portPadding : FACE.portPadding;
}

function Port({ node, data, place, far }: { node: string; data: NodeData; place: PortPlace; far: boolean }) {
  const isInput = place.side === 'left';
  const spec: InputSpec | OutputSpec | undefined = isInput
    ? data.spec?.inputs.find((input) => input.name === place.name)
    : data.spec?.outputs.find((output) => output.name === place.name);
  const fits = useStudio((state) => state.fittingPorts?.has(`${node}.${place.side}.${place.name}`));
  const type = spec === undefined ? undefined : 'types' in spec ? spec.types[0] : spec.type;
  const wired = isInput && data.wired.includes(place.name);
  const required = isInput && spec !== undefined && 'optional' in spec && !spec.optional && !wired;
  const style = { top: place.y, '--port': typeColour(type) } as CSSProperties;
  const classes = [
    'port',
    isInput ? 'input' : 'output',
    wired || !isInput ? 'wired' : '',
    required ? 'required' : '',
    fits === undefined ? '' : fits ? 'fits' : 'no-fit',
  ];
  return (
    <>
      <Handle
        id={place.name}
        type={isInput ? 'target' : 'source'}
        position={isInput ? Position.Left : Position.Right}
        className={classes.join(' ')}
        style={style}
        data-testid={`port-${node}-${place.name}`}
        title={spec && !far ? `${spec.label}: ${spec.help}${required ? ' Needed.' : ''}` : undefined}
      />
      {!far && (
        <span className={`port-label ${place.side}`} style={{ top: place.y }} aria-hidden="true">
          {spec?.label ?? place.name}
        </span>
      )}
    </>
  );
}
