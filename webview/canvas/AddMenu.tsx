import { catalogue, inputsAccepting, nodeTypes, outputsFitting, specOf, type PortType } from '../../extension/graph';
import { tintOf } from '../ui/tint';
import { addNode, insertNode } from '../model/actions/nodes';
import { insertion } from '../model/insertion';
import { type Popup, useStudio } from '../model/store';
import { readable } from '../model/words';
import { canvasControl } from '../model/control';
import { SearchList, type SearchOption } from './SearchList';
import { typeOfPort } from './connecting';

/** The list of node types; when it comes from a wire's loose end, only those that fit there. */
export function AddMenu({ popup }: { popup: Extract<Popup, { kind: 'add' }> }) {
  const graph = useStudio((state) => state.graph);
  const { from, into } = popup;
  const type = from && graph ? typeOfPort(graph, from) : undefined;
  const within =
    into && graph ? nodeTypes.flatMap((name) => (insertion(graph, name, into) ? [name as string] : [])) : nodeTypes;
  const choices = from ? fitting(from, type) : within.map((name) => ({ type: name as string, port: undefined }));
  const options = choices.map(({ type: name, port }): SearchOption => {
    const spec = specOf(name);
    const label =
      port === undefined
        ? undefined
        : [...(spec?.inputs ?? []), ...(spec?.outputs ?? [])].find((one) => one.name === port)?.label;
    return {
      key: port === undefined ? name : `${name}.${port}`,
      name: spec?.title ?? name,
      hint: label ?? spec?.category ?? '',
      detail: spec?.help ?? '',
      colour: tintOf(spec),
    };
  });
  const close = () => useStudio.setState({ popup: undefined });
  return (
    <SearchList
      at={popup.at}
      label={from || into ? 'Nodes that fit this wire' : 'Nodes to add'}
      placeholder="Search nodes…"
      lead={
        from
          ? `Fits ${readable(from.node)}, ${from.port} (${type ?? 'unknown'})`
          : into && `Goes between ${readable(into.source)} and ${readable(into.target)}`
      }
      options={options}
      nothing={into ? 'No type of node fits into this wire.' : 'No type of node accepts this wire.'}
      testId="add-menu"
      onClose={() => {
        close();
        canvasControl().focusCanvas();
      }}
      onChoose={(key) => {
        close();
        const [name = '', port] = key.split('.');
        if (into) insertNode(name, popup.flow, into);
        else addNode(name, popup.flow, from, port);
      }}
    />
  );
}

function fitting(from: { node: string; port: string; side: 'left' | 'right' }, type: PortType | undefined) {
  if (from.side === 'right') {
    return type ? inputsAccepting(type).map(({ spec, input }) => ({ type: spec.type, port: input.name })) : [];
  }
  const graph = useStudio.getState().graph;
  const input = specOf(graph?.nodes[from.node]?.type ?? '')?.inputs.find((one) => one.name === from.port);
  return outputsFitting(input?.types ?? [])
    .filter(({ spec }) => spec.type in catalogue)
    .map(({ spec, output }) => ({ type: spec.type, port: output.name }));
}
