import { Link, Tool } from '../ui/Icon';
import { revealNode } from '../model/actions/selection';
import { canvasControl } from '../model/control';
import { addPointMidway } from '../model/actions/points';
import { disconnect } from '../model/actions/wires';
import { TypeMark } from '../ui/TypeMark';
import { type StudioEdge } from '../model/flow';
import { useStudio } from '../model/store';
import { readable } from '../model/words';

export function WireInspector({ wire }: { wire: StudioEdge }) {
  const readOnly = useStudio((state) => state.readOnly);
  const data = wire.data;
  if (!data) return null;
  const { source, sourcePort, target, targetPort } = data.wire;
  return (
    <>
      <div className="inspector-head">
        <h2 data-testid="inspector-title">Wire</h2>
        <Tool
          icon="add"
          label="Insert node"
          keys="N"
          disabled={readOnly}
          onClick={() => canvasControl().openAddMenu(data.wire)}
        />
        <Tool
          icon="git-commit"
          label="Add reroute point"
          keys="R"
          disabled={readOnly}
          onClick={() => addPointMidway(data.wire)}
        />
        <Tool
          icon="trash"
          label="Delete wire"
          keys="Delete"
          disabled={readOnly}
          onClick={() => disconnect([data.wire])}
        />
      </div>
      <p className="subtitle">
        Drag either end to another port, or onto empty canvas to delete the wire. Drop a node without wires onto it to
        insert the node. Double-click it to lead it through a reroute point, and drag that.
      </p>
      <dl className="facts">
        <dt>Carries</dt>
        <dd className="with-mark">
          <TypeMark type={data.portType} />
          {data.portType ?? 'a type this version does not know'}
        </dd>
        <dt>From</dt>
        <dd>
          <Link onClick={() => revealNode(source)}>{readable(source)}</Link>, {sourcePort}
        </dd>
        <dt>To</dt>
        <dd>
          <Link onClick={() => revealNode(target)}>{readable(target)}</Link>, {targetPort}
        </dd>
      </dl>
    </>
  );
}
