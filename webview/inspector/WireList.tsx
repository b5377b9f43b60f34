import { parseWire, type PortType, wiresOf } from '../../extension/graph';
import { Link, Tool } from '../ui/Icon';
import { TypeMark } from '../ui/TypeMark';
import { canvasControl } from '../model/control';
import { revealNode } from '../model/actions/selection';
import { disconnect } from '../model/actions/wires';
import { type NodeData } from '../model/flow';
import { studio, useStudio } from '../model/store';
import { readable } from '../model/words';
import { type PortRef, type Wire } from '../model/wires';

/** The ports of a node with their wires: to read, to follow, to take away, and to connect without a pointer. */
export function WireList({ id, data }: { id: string; data: NodeData }) {
  const { spec, node } = data;
  const inputs = [...new Set([...(spec?.inputs.map((input) => input.name) ?? []), ...Object.keys(node.inputs ?? {})])];
  const outputs = spec?.outputs ?? [];
  if (inputs.length + outputs.length === 0) return null;
  return (
    <>
      <h3>Wires</h3>
      <ul className="wire-list" data-testid="wires">
        {inputs.flatMap((name) => {
          const input = spec?.inputs.find((one) => one.name === name);
          const from: PortRef = { node: id, port: name, side: 'left' };
          const texts = wiresOf(node.inputs?.[name]);
          const wires = texts.map((text, index) => {
            const nth = texts.slice(0, index).filter((other) => other === text).length;
            return { text, nth: nth > 0 ? nth : undefined, source: parseWire(text) };
          });
          const rows = wires.map(({ text, nth, source }) => (
            <Row
              key={`${name}${text}#${nth ?? 0}`}
              type={input?.types[0]}
              label={input?.label ?? name}
              wire={source && { source: source.node, sourcePort: source.port, target: id, targetPort: name, nth }}
              other={source?.node}
              from={from}
              more={false}
            />
          ));
          if (wires.length > 0 && !input?.list) return rows;
          const nothing = wires.length > 0 ? 'another' : input?.optional ? 'optional, unwired' : 'needs a wire';
          return [
            ...rows,
            <Row key={name} type={input?.types[0]} label={input?.label ?? name} note={nothing} from={from} more />,
          ];
        })}
        {outputs.map((output) => (
          <OutputRow key={`out-${output.name}`} id={id} port={output.name} label={output.label} type={output.type} />
        ))}
      </ul>
    </>
  );
}

function OutputRow({ id, port, label, type }: { id: string; port: string; label: string; type: PortType }) {
  const count = useStudio(
    (state) => state.edges.filter((edge) => edge.source === id && edge.sourceHandle === port).length,
  );
  const note = count === 0 ? 'not connected' : `feeds ${count}`;
  return <Row type={type} label={`${label} →`} note={note} from={{ node: id, port, side: 'right' }} more />;
}

function Row(props: {
  type: PortType | undefined;
  label: string;
  wire?: Wire;
  other?: string;
  note?: string;
  from: PortRef;
  more: boolean;
}) {
  const readOnly = useStudio((state) => state.readOnly);
  const { wire, other, from } = props;
  return (
    <li>
      <TypeMark type={props.type} />
      <span className="grow">
        {props.label}
        {other !== undefined && ' from '}
        {other !== undefined && <Link onClick={() => revealNode(other)}>{readable(other)}</Link>}
        {props.note !== undefined && <span className="muted-text"> · {props.note}</span>}
      </span>
      {wire && (
        <Tool
          icon="add"
          label={`Insert a node between ${readable(wire.source)} and ${props.label}`}
          disabled={readOnly}
          onClick={() => canvasControl().openAddMenu(wire)}
        />
      )}
      {wire && (
        <Tool
          icon="close"
          label={`Disconnect ${props.label} from ${readable(wire.source)}`}
          disabled={readOnly}
          onClick={() => disconnect([wire])}
        />
      )}
      {props.more && (
        <Tool
          icon="plug"
          label={`Connect ${props.label.replace(' →', '')} to…`}
          disabled={readOnly}
          data-testid={`connect-${from.port}`}
          onClick={() => openConnectMenu(from)}
        />
      )}
    </li>
  );
}

function openConnectMenu(from: PortRef): void {
  if (!studio().graph) return;
  useStudio.setState({ popup: { kind: 'connect', at: { x: 24, y: 24 }, from } });
}
