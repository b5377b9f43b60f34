import { memo, type CSSProperties } from 'react';
import { Handle, Position } from '@xyflow/react';
import { type InputSpec, type OutputSpec } from '../../extension/graph';
import { type NodeData } from '../model/flow';
import { useStudio } from '../model/store';
import { FACE, type PortPlace } from '../model/face';
import { typeColour, typeShape } from '../ui/tint';

/** The ports of a node, inputs at its left edge and outputs at its right, each in the colour of what it carries. */
export const Ports = memo(function Ports({ id, data }: { id: string; data: NodeData }) {
  return (
    <>
      {data.face.ports.map((port) => (
        <Port key={port.side + port.name} node={id} data={data} place={port} />
      ))}
      <div className="ports-room" style={{ height: portsHeight(data) }} />
    </>
  );
});

function portsHeight(data: NodeData): number {
  if (data.node.folded) return 0;
  const left = data.face.ports.filter((port) => port.side === 'left').length;
  const count = Math.max(left, data.face.ports.length - left);
  return count > 0 ? count * FACE.portRow + 2 * FACE.portPadding : FACE.portPadding;
}

function Port({ node, data, place }: { node: string; data: NodeData; place: PortPlace }) {
  const isInput = place.side === 'left';
  const spec: InputSpec | OutputSpec | undefined = isInput
    ? data.spec?.inputs.find((input) => input.name === place.name)
    : data.spec?.outputs.find((output) => output.name === place.name);
  const fits = useStudio((state) => state.fittingPorts?.get(`${node}.${place.side}.${place.name}`));
  const type = spec === undefined ? undefined : 'types' in spec ? spec.types[0] : spec.type;
  const wired = isInput && data.wired.includes(place.name);
  const required = isInput && spec !== undefined && 'types' in spec && !spec.optional && !wired;
  const style = { top: place.y, '--port': typeColour(type), '--shape': typeShape(type) } as CSSProperties;
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
        title={spec ? `${spec.label}: ${spec.help}${required ? ' Needed.' : ''}` : undefined}
      />
      <span
        className={`port-label ${place.side} ${required ? 'required' : ''}`}
        style={{ top: place.y }}
        aria-hidden="true"
      >
        {spec?.label ?? place.name}
      </span>
    </>
  );
}

/**
 * Where the ports are, for a node drawn from afar. React Flow measures whatever stands in a node when it first appears and lets
 * go of wires whose ends it does not find; these say where they are, without what makes a port listen to a pointer.
 */
export function FarPorts({ places, width }: { places: readonly PortPlace[]; width: number }) {
  return places.map((place) => (
    <span
      key={place.side + place.name}
      className={`far-port ${place.side === 'left' ? 'target' : 'source'}`}
      data-handleid={place.name}
      data-handlepos={place.side}
      style={{ left: (place.side === 'left' ? 0 : width) - FAR_PORT / 2, top: place.y - FAR_PORT / 2 }}
    />
  ));
}

const FAR_PORT = 12;
