import { useStudio } from '../model/store';
import { type FrameFlowNode, type GraphFlowNode, FRAME_PREFIX } from '../model/flow';
import { FrameInspector } from './FrameInspector';
import { GraphSummary } from './GraphSummary';
import { ManyInspector } from './ManyInspector';
import { NodeInspector } from './NodeInspector';
import { WireInspector } from './WireInspector';

/** The right pane: what is selected, or the graph as a whole. */
export function Inspector() {
  const width = useStudio((state) => state.page.inspectorWidth);
  // Another selection begins at its top.
  const selection = useStudio((state) => state.page.selection.join(' '));
  return (
    <aside className="inspector" id="inspector" aria-label="Inspector" style={{ width }} data-testid="inspector">
      <div className="inspector-scroll" key={selection}>
        <Content />
      </div>
    </aside>
  );
}

function Content() {
  const selection = useStudio((state) => state.page.selection);
  const only = selection.length === 1 ? selection[0] : undefined;
  const node = useStudio((state) => (only === undefined ? undefined : state.nodes.find((other) => other.id === only)));
  const wire = useStudio((state) => (selection.length === 0 ? state.edges.find((edge) => edge.selected) : undefined));
  if (selection.length > 1) return <ManyInspector ids={selection} />;
  if (node?.id.startsWith(FRAME_PREFIX)) {
    const frame = node as FrameFlowNode;
    return <FrameInspector key={frame.id} id={frame.id.slice(FRAME_PREFIX.length)} data={frame.data} />;
  }
  if (node) return <NodeInspector key={node.id} id={node.id} data={(node as GraphFlowNode).data} />;
  if (wire) return <WireInspector wire={wire} />;
  return <GraphSummary />;
}
