import { specOf } from '../../extension/graph';
import { tintOf } from '../ui/tint';
import { connect } from '../model/actions/wires';
import { type Popup, useStudio } from '../model/store';
import { between } from '../model/wires';
import { readable } from '../model/words';
import { canvasControl } from '../model/control';
import { targetsOf } from './connecting';
import { SearchList, type SearchOption } from './SearchList';

/** "Connect to…": wiring without a pointer. */
export function ConnectMenu({ popup }: { popup: Extract<Popup, { kind: 'connect' }> }) {
  const graph = useStudio((state) => state.graph);
  const { from } = popup;
  const targets = graph ? targetsOf(graph, from) : [];
  const options = targets.map((target): SearchOption => {
    const spec = specOf(graph?.nodes[target.node]?.type ?? '');
    const port = [...(spec?.inputs ?? []), ...(spec?.outputs ?? [])].find((one) => one.name === target.port);
    return {
      key: `${target.node}.${target.port}`,
      name: readable(target.node),
      hint: port?.label ?? target.port,
      detail: target.taken ? 'Replaces its current wire.' : undefined,
      colour: tintOf(spec),
    };
  });
  const close = () => useStudio.setState({ popup: undefined });
  return (
    <SearchList
      at={popup.at}
      label={`Connect ${readable(from.node)}, ${from.port}, to`}
      placeholder="Connect to…"
      lead={`${from.side === 'right' ? 'From' : 'To'} ${readable(from.node)}, ${from.port}`}
      options={options}
      nothing="No port in this graph accepts the wire."
      testId="connect-menu"
      onClose={() => {
        close();
        canvasControl().focusNode(from.node);
      }}
      onChoose={(key) => {
        close();
        const target = targets.find((one) => `${one.node}.${one.port}` === key);
        if (target) connect(between(from, target));
        canvasControl().focusNode(from.node);
      }}
    />
  );
}
